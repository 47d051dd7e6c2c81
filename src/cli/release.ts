/** What this xlab calls itself; package.json's version, and a test holds them together. */
export const RELEASE = "xlab-0.1.0";

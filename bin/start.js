"use strict";

/** Runs a command line and ends with its status; says what to do where nothing has been built. */
exports.start = async (run) => {
  try {
    process.exit(await run());
  } catch (error) {
    if (!/^Cannot find module '[^']*[\\/]dist[\\/]/.test(error.message)) throw error;
    console.error("xlab: not built yet; run `npm run build` in its directory");
    process.exit(1);
  }
};

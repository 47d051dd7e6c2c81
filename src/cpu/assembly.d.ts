/** AssemblyScript's name, for the files of core/ that TypeScript compiles too. */
type u32 = number;

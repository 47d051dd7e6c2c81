/** Commands whose exit status xl leaves at 0 whatever libxl said: its lines are printed all the same. */
import { XlError } from "../toolstack/error.ts";
import { printXlError } from "./report.ts";

export async function forgive(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof XlError)) throw error;
    await printXlError(error);
  }
}

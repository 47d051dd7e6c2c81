export function run(): void {
  throw new Error("not written yet");
}

// Stub: x87, MMX and SSE are undefined until the real one stands here.
export function fpuDecodes(kind: u32, pp: u32, opcode: u32, modrm: u32): i32 {
  return -1;
}
export function fpuExec(rec: usize): i32 {
  return 1;
}

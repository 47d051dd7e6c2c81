/** The part of the WebAssembly API that the engine uses (TypeScript declares it only with the DOM). */
declare namespace WebAssembly {
  interface MemoryDescriptor {
    readonly initial: number;
    readonly maximum?: number;
  }
  class Memory {
    constructor(descriptor: MemoryDescriptor);
    readonly buffer: ArrayBuffer;
  }
  class Module {
    constructor(bytes: Uint8Array | ArrayBuffer);
  }
  /** Of functions. */
  class Table {
    private constructor();
    /** Answers the old length. */
    grow(by: number): number;
    set(index: number, value: unknown): void;
  }
  type ImportObject = Record<string, Record<string, unknown>>;
  class Instance {
    constructor(module: Module, imports?: ImportObject);
    readonly exports: Record<string, unknown>;
  }
  class RuntimeError extends Error {}
}

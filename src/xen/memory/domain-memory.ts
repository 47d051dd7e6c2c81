/** Placeholder until the memory room stands. */
export interface DomainMemory {
  totPages: number;
  maxPages: number;
}

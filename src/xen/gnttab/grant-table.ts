/** Placeholder until the grant room stands. */
export interface GrantTable {
  readonly version: 1;
}

/** libxl's log lines, as scripts know them. Places are 4.17's: file:line:function. */

/** `libxl: error: PLACE: Domain N:TEXT`; a domid that is no guest's is not said. */
export const libxlError = (place: string, domid: number | undefined, text: string): string =>
  `libxl: error: ${place}: ${domid !== undefined && domid > 0 ? `Domain ${domid}:` : ""}${text}`;

/** What follows every failed create: xl destroys the domain that libxl has destroyed already. */
export const alreadyGone = (domid: number): string[] => [
  libxlError("libxl_domain.c:1183:libxl__destroy_domid", domid, "Non-existant domain"),
  libxlError("libxl_domain.c:1137:domain_destroy_callback", domid, "Unable to destroy guest"),
  libxlError("libxl_domain.c:1064:domain_destroy_cb", domid, "Destruction of domain failed"),
];

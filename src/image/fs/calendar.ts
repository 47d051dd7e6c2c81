/** Dates as FAT and iso9660 write them. */

/** Days from 1970-01-01 in the Gregorian calendar; month from 1 (13 is the next January). */
export function daysFromCivil(year: number, month: number, day: number): number {
  // Years begin in March, so that the odd day is their last.
  const y = year + Math.floor((month - 1) / 12) - ((month - 1) % 12 < 2 ? 1 : 0);
  const era = Math.floor(y / 400);
  const ofEra = y - era * 400;
  const ofYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  return era * 146097 + ofEra * 365 + Math.floor(ofEra / 4) - Math.floor(ofEra / 100) + ofYear - 719468;
}

/** The calendar, from seconds since 1970 (proleptic Gregorian, UTC). */

const DAY = 86_400;
const two = (n: number): string => String(n).padStart(2, "0");

/** `YYYYmmddTHHMMZ`: what strftime makes of xl's "%Y%m%dT%H%MZ". */
export function utcMinute(seconds: number): string {
  const days = Math.floor(seconds / DAY);
  const minutes = Math.floor((seconds - days * DAY) / 60);
  // Years counted from March, so that a leap day is a year's last: 400 years have 146,097 days.
  const fromMarch0 = days + 719_468;
  const era = Math.floor(fromMarch0 / 146_097);
  const dayOfEra = fromMarch0 - era * 146_097;
  const leaps = Math.floor(dayOfEra / 1460) - Math.floor(dayOfEra / 36_524) + Math.floor(dayOfEra / 146_096);
  const yearOfEra = Math.floor((dayOfEra - leaps) / 365);
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const marchMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * marchMonth + 2) / 5) + 1;
  const month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  return `${year}${two(month)}${two(day)}T${two(Math.floor(minutes / 60))}${two(minutes % 60)}Z`;
}

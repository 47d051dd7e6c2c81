/** xl's print_bitmap: `0-2,5`, `all`, `none`. */
export function cpuMapText(map: readonly boolean[]): string {
  if (map.length > 0 && map.every((set) => set)) return "all";
  const runs: string[] = [];
  for (let first = 0; first < map.length; first++) {
    if (map[first] !== true) continue;
    let last = first;
    while (map[last + 1] === true) last++;
    runs.push(first === last ? String(first) : `${first}-${last}`);
    first = last;
  }
  return runs.length === 0 ? "none" : runs.join(",");
}

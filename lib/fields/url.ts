/** A repository path as it is written below a base URL: safe between `<` and `>`, in a field, and in XML. */
export function urlPath(path: string): string {
  // encodeURIComponent leaves the apostrophe alone, which shells and quoting clients trip over.
  return path
    .split('/')
    .map((part) => encodeURIComponent(part).replaceAll("'", '%27'))
    .join('/')
}

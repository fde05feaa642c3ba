/** Makes ids unique. */
export class Ids {
  readonly #taken = new Set<string>()
  /** Last number that was added to an id, so that equal names need not count from 2 each time. */
  readonly #numbers = new Map<string, number>()

  /** Returns the preferred id, or the id with the next free number: `mirror.example-2`. */
  take(preferred: string): string {
    let id = preferred
    let number = this.#numbers.get(preferred) ?? 1
    while (this.#taken.has(id)) {
      number += 1
      id = `${preferred}-${number}`
    }
    this.#numbers.set(preferred, number)
    this.#taken.add(id)
    return id
  }
}

/** Gives out ids, each once. */
export class Ids {
  readonly #taken = new Set<string>()
  /** The last number that was added to an id, so that many of the same name do not count from 2 each. */
  readonly #numbers = new Map<string, number>()

  /** The id that was wished for, or that with the next free number: `mirror.example-2`. */
  take(wish: string): string {
    let id = wish
    let number = this.#numbers.get(wish) ?? 1
    while (this.#taken.has(id)) {
      number += 1
      id = `${wish}-${number}`
    }
    this.#numbers.set(wish, number)
    this.#taken.add(id)
    return id
  }
}

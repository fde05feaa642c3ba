import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { BLOCK_NUMBERS } from '../../../lib/mirrors/presence/sets/bits.js'
import { BlockPool } from '../../../lib/mirrors/presence/sets/block-pool.js'
import { type BlockChange, NumberSet } from '../../../lib/mirrors/presence/sets/number-set.js'
import { seededDraw } from '../../support/mirrors.js'

const LIMIT = 2 ** 52
const FAR = 2 ** 51

function setOf(blocks: BlockPool, numbers: Iterable<number>): NumberSet {
  const set = new NumberSet(blocks)
  for (const number of numbers) set.add(number)
  return set
}

function sorted(numbers: Iterable<number>): number[] {
  return [...numbers].sort((a, b) => a - b)
}

/** Applies the changes to what is stored. */
function store(stored: Map<number, Uint8Array>, changes: readonly BlockChange[]): void {
  for (const { block, content } of changes) {
    if (content === undefined) assert.ok(stored.delete(block), `nothing was stored of block ${block}`)
    else stored.set(block, content)
  }
}

function load(stored: ReadonlyMap<number, Uint8Array>): NumberSet {
  const set = new NumberSet(new BlockPool())
  for (const [block, content] of stored) assert.ok(set.put(block, content))
  return set
}

interface Model {
  readonly numbers: Set<number>
  readonly others: Set<number>
  /** As of the last read of changes. */
  taken: ReadonlySet<number>
}

interface Real {
  readonly set: NumberSet
  readonly other: NumberSet
  readonly stored: Map<number, Uint8Array>
}

class Step implements fc.Command<Model, Real> {
  readonly #name: string
  readonly #run: (model: Model, real: Real) => void

  constructor(name: string, run: (model: Model, real: Real) => void) {
    this.#name = name
    this.#run = run
  }

  check(): boolean {
    return true
  }

  run(model: Model, real: Real): void {
    this.#run(model, real)
    assert.equal(real.set.size, model.numbers.size)
  }

  toString(): string {
    return this.#name
  }
}

/**
 * Numbers near the borders of a few blocks: the first, two neighbours, those around 2^51, the last.
 */
const number = fc
  .tuple(
    fc.constantFrom(BLOCK_NUMBERS, 5 * BLOCK_NUMBERS, 6 * BLOCK_NUMBERS, FAR, FAR + BLOCK_NUMBERS, LIMIT),
    fc.integer({ min: -9, max: 9 }),
  )
  .map(([border, step]) => Math.min(border + step, LIMIT - 1))

const span = fc.tuple(number, fc.oneof(fc.nat(20), fc.nat(2 * BLOCK_NUMBERS))).map(([from, length]) => ({
  from,
  to: Math.min(from + length, LIMIT),
}))

const step = fc.oneof(
  number.map(
    (n) =>
      new Step(`add ${n}`, ({ numbers }, { set }) => {
        assert.equal(set.add(n), !numbers.has(n))
        numbers.add(n)
        assert.equal(set.has(n), true)
      }),
  ),
  number.map(
    (n) =>
      new Step(`delete ${n}`, ({ numbers }, { set }) => {
        assert.equal(set.delete(n), numbers.delete(n))
        assert.equal(set.has(n), false)
      }),
  ),
  number.map(
    (n) =>
      new Step(`has ${n}`, ({ numbers }, { set }) => {
        for (const near of [n - 1, n, n + 1]) assert.equal(set.has(near), numbers.has(near), `${near}`)
      }),
  ),
  span.map(
    ({ from, to }) =>
      new Step(`add ${from} to ${to}`, ({ numbers }, { set }) => {
        set.addRange(from, to)
        for (let n = from; n < to; n += 1) numbers.add(n)
        assert.deepEqual([set.has(from - 1), set.has(to)], [numbers.has(from - 1), numbers.has(to)])
      }),
  ),
  fc.tuple(number, fc.oneof(number, fc.constant(Number.POSITIVE_INFINITY))).map(
    ([from, to]) =>
      new Step(`keep ${from} to ${to}`, ({ numbers }, { set }) => {
        set.keepOnly(from, to)
        for (const n of numbers) if (n < from || n >= to) numbers.delete(n)
      }),
  ),
  fc.array(number, { maxLength: 4 }).map(
    (list) =>
      new Step(`change the other by ${list}`, ({ others }, { other }) => {
        for (const n of list) {
          if (others.delete(n)) assert.ok(other.delete(n))
          else assert.ok(other.add(n) && others.add(n))
        }
      }),
  ),
  fc.constant(
    new Step('replace', ({ numbers, others }, { set, other }) => {
      set.replace(other)
      numbers.clear()
      for (const n of others) numbers.add(n)
    }),
  ),
  fc.constant(new Step('settle', (_, { set }) => set.settle())),
  fc.constant(
    new Step('list', ({ numbers }, { set }) => {
      assert.deepEqual([...set], sorted(numbers))
    }),
  ),
  fc.constant(
    new Step('take changes', (model, { set, stored }) => {
      const changes = set.takeChanges()
      const before = new Set(model.taken)
      const differing = [
        ...[...model.numbers].filter((n) => !before.has(n)),
        ...[...before].filter((n) => !model.numbers.has(n)),
      ].map((n) => Math.floor(n / BLOCK_NUMBERS))
      assert.deepEqual(
        changes.map(({ block }) => block),
        sorted(new Set(differing)),
      )
      model.taken = new Set(model.numbers)
      store(stored, changes)
      assert.deepEqual([...load(stored)], sorted(model.numbers))
      assert.deepEqual(set.takeChanges(), [])
    }),
  ),
  fc.nat(6).map(
    (which) =>
      new Step(`put the stored block ${which} back`, ({ numbers, taken }, { set, stored }) => {
        const block = sorted(new Set([...stored.keys(), Math.floor(FAR / BLOCK_NUMBERS)]))[which]
        if (block === undefined) return
        assert.equal(set.put(block, stored.get(block)), true)
        for (const n of numbers) if (Math.floor(n / BLOCK_NUMBERS) === block) numbers.delete(n)
        for (const n of taken) if (Math.floor(n / BLOCK_NUMBERS) === block) numbers.add(n)
      }),
  ),
)

describe('a set of numbers', () => {
  test('is like any other set, whatever is done to it', () => {
    fc.assert(
      fc.property(fc.commands([step], { maxCommands: 25 }), (commands) => {
        const blocks = new BlockPool()
        fc.modelRun(
          () => ({
            model: { numbers: new Set<number>(), others: new Set<number>(), taken: new Set<number>() },
            real: { set: new NumberSet(blocks), other: new NumberSet(blocks), stored: new Map() },
          }),
          commands,
        )
      }),
      { numRuns: 120 },
    )
  })

  test('takes a million numbers one by one, in any order', () => {
    const base = 3 * 2 ** 40
    const set = new NumberSet(new BlockPool())
    // Coprime to a million, so that each number comes once.
    for (let index = 0; index < 1_000_000; index += 1) set.add(base + ((index * 617_411) % 1_000_000))
    assert.equal(set.size, 1_000_000)
    assert.deepEqual([set.has(base - 1), set.has(base), set.has(base + 999_999)], [false, true, true])
    assert.equal(set.has(base + 1_000_000), false)
    const changes = set.takeChanges()
    assert.equal(changes.length, 16)
    assert.ok(changes.every(({ content }) => content !== undefined && content.length <= 4))
    const ranged = new NumberSet(new BlockPool())
    ranged.addRange(base, base + 1_000_000)
    assert.deepEqual(ranged.takeChanges(), changes)
  })

  test('finds its numbers where blocks are missing between others', () => {
    const borders = [
      0,
      1,
      2,
      5,
      6,
      1000,
      FAR / BLOCK_NUMBERS,
      FAR / BLOCK_NUMBERS + 1,
      LIMIT / BLOCK_NUMBERS - 1,
    ].map((n) => n * BLOCK_NUMBERS)
    const random = seededDraw(7)
    for (const order of [borders, borders.toReversed(), borders.toSorted(() => random() - 0.5)]) {
      const set = setOf(new BlockPool(), order)
      assert.deepEqual([...set], borders)
      for (const border of borders) assert.equal(set.delete(border), true)
      assert.deepEqual([...set], [])
    }
  })

  test('holds none but whole numbers below 2^52', () => {
    const set = new NumberSet(new BlockPool())
    for (const wrong of [-1, 0.5, LIMIT, Number.NaN, Number.POSITIVE_INFINITY]) {
      assert.throws(() => set.add(wrong), RangeError, `${wrong}`)
      assert.equal(set.has(wrong), false)
      assert.equal(set.delete(wrong), false)
    }
    for (const [from, to] of [
      [-1, 5],
      [0, 0.5],
      [0, LIMIT + 1],
      [Number.NaN, 1],
    ] as const)
      assert.throws(() => set.addRange(from, to), RangeError, `${from} to ${to}`)
    set.addRange(7, 7)
    set.addRange(9, 7)
    set.addRange(LIMIT, LIMIT)
    assert.equal(set.size, 0)
    assert.deepEqual(set.takeChanges(), [])
    set.addRange(LIMIT - 2, LIMIT)
    assert.deepEqual([...set], [LIMIT - 2, LIMIT - 1])
  })

  test('may change while it is read', () => {
    const set = setOf(new BlockPool(), [1, BLOCK_NUMBERS, 2 * BLOCK_NUMBERS])
    const read: number[] = []
    for (const number of set) {
      read.push(number)
      if (number === 1) {
        set.delete(BLOCK_NUMBERS)
        set.add(2 * BLOCK_NUMBERS + 1)
        set.settle()
      }
    }
    assert.deepEqual(read, [1, 2 * BLOCK_NUMBERS, 2 * BLOCK_NUMBERS + 1])
  })
})

describe('changes', () => {
  test('that are undone are none', () => {
    const set = setOf(new BlockPool(), [1, 2, BLOCK_NUMBERS])
    set.takeChanges()
    set.delete(1)
    set.settle()
    set.add(1)
    set.keepOnly(0, BLOCK_NUMBERS)
    set.add(BLOCK_NUMBERS)
    assert.deepEqual(set.takeChanges(), [])
  })

  test('of a replacement are the blocks that differ, whichever blocks the other shares', () => {
    const full = new NumberSet(new BlockPool())
    full.addRange(FAR, FAR + 1_000_000)
    const set = new NumberSet(new BlockPool())
    set.replace(full)
    assert.equal(set.takeChanges().length, 16)
    const lacking = new NumberSet(new BlockPool())
    lacking.addRange(FAR, FAR + 1_000_000)
    lacking.delete(FAR + 5 * BLOCK_NUMBERS)
    lacking.add(3)
    set.replace(lacking)
    assert.deepEqual(
      set.takeChanges().map(({ block }) => block),
      [0, FAR / BLOCK_NUMBERS + 5],
    )
    set.replace(set)
    assert.deepEqual(set.takeChanges(), [])
    assert.deepEqual([...set].length, 1_000_000)
    lacking.add(FAR + 5 * BLOCK_NUMBERS)
    assert.equal(set.has(FAR + 5 * BLOCK_NUMBERS), false, 'a replacement does not tie them together')
  })
})

test('retains what another set has', () => {
  const numbers = fc.uniqueArray(fc.integer({ min: 0, max: 4 * BLOCK_NUMBERS }), { maxLength: 60 })
  const ranges = fc.array(fc.tuple(fc.nat(4 * BLOCK_NUMBERS), fc.nat(2 * BLOCK_NUMBERS)), { maxLength: 2 })
  fc.assert(
    fc.property(numbers, numbers, ranges, (own, others, spans) => {
      const blocks = new BlockPool()
      const [set, other] = [setOf(blocks, own), setOf(blocks, [...others, ...own.slice(0, 3)])]
      for (const [from, length] of spans) other.addRange(from, from + length)
      set.retain(other)
      assert.deepEqual([...set], sorted(own.filter((number) => other.has(number))))
    }),
    { numRuns: 50 },
  )
})

test('a replacement takes nothing of blocks that were emptied, and all of those behind them', () => {
  const blocks = new BlockPool()
  const other = setOf(blocks, [1, BLOCK_NUMBERS, 2 * BLOCK_NUMBERS, 3 * BLOCK_NUMBERS])
  other.settle()
  other.delete(1)
  other.delete(BLOCK_NUMBERS)
  const set = setOf(blocks, [2, BLOCK_NUMBERS + 2])
  set.replace(other)
  assert.deepEqual([...set], [2 * BLOCK_NUMBERS, 3 * BLOCK_NUMBERS])
  assert.deepEqual([...other], [...set])
})

describe('what was stored', () => {
  test('takes the place of changes, which are none then', () => {
    const set = setOf(new BlockPool(), [1, BLOCK_NUMBERS])
    assert.equal(set.put(0, Uint8Array.of(8, 0, 10, 0)), true)
    assert.deepEqual([...set], [8, 9, BLOCK_NUMBERS])
    assert.deepEqual(
      set.takeChanges().map(({ block }) => block),
      [1],
    )
  })

  test('is refused where it is no block, and nothing is changed', () => {
    const set = setOf(new BlockPool(), [1, BLOCK_NUMBERS])
    for (const content of [new Uint8Array(0), Uint8Array.of(1), new Uint8Array(8192)])
      assert.equal(set.put(0, content), false)
    for (const block of [-1, 0.5, LIMIT / BLOCK_NUMBERS, Number.NaN]) {
      assert.equal(set.put(block, Uint8Array.of(0, 0)), false)
      assert.equal(set.put(block, undefined), false)
    }
    assert.deepEqual([...set], [1, BLOCK_NUMBERS])
    assert.equal(set.put(LIMIT / BLOCK_NUMBERS - 1, Uint8Array.of(255, 255)), true)
    assert.equal(set.has(LIMIT - 1), true)
    assert.equal(set.put(0, undefined), true)
    assert.deepEqual([...set], [BLOCK_NUMBERS, LIMIT - 1])
  })
})

describe('a draw', () => {
  test('of nothing gives nothing', () => {
    const set = setOf(new BlockPool(), [4])
    set.delete(4)
    assert.equal(set.random(Math.random), undefined)
  })

  test('gives each number, as often as others, wherever they are', () => {
    const numbers = [0, 7, 8, BLOCK_NUMBERS - 1, BLOCK_NUMBERS, FAR - 1, FAR, FAR + 9, LIMIT - 1]
    for (const settled of [true, false]) {
      const set = setOf(new BlockPool(), numbers)
      set.add(9)
      set.delete(9)
      if (settled) set.settle()
      const drawn = numbers.map((_, index) => set.random(() => (index + 0.5) / numbers.length))
      assert.deepEqual(drawn, numbers)
      assert.equal(
        set.random(() => 0),
        0,
      )
      assert.equal(
        set.random(() => 1 - Number.EPSILON / 2),
        LIMIT - 1,
      )
    }
  })
})

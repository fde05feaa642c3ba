/** Milliseconds of work in one go: about what a request takes, so that those who come meanwhile hardly notice. */
const SLICE = 0.25
/** Milliseconds between two slices, beyond which somebody else had to do there: a request, or another process. */
const QUIET = 0.1
/** Milliseconds of rest then. Who never rests is taken off the processor when a request comes. */
const REST = 1

const waiting: (() => void)[] = []
/** When the slice under way began and when the last one ended, by the steady clock. */
let began = Number.NEGATIVE_INFINITY
let ended = Number.NEGATIVE_INFINITY

/**
 * Lets requests go first: to be asked often by whoever has much to do in the thread that answers them. All of those share
 * one slice of a quarter of a millisecond a turn of the event loop, however many they are. As long as others are busy too,
 * a slice is followed by a rest.
 *
 * @returns what to wait for; undefined where there is time left
 */
export function breath(): Promise<void> | undefined {
  const now = performance.now()
  if (waiting.length === 0 && now - began < SLICE) return undefined
  return new Promise((resolve) => {
    if (waiting.push(resolve) > 1) return
    ended = now
    setImmediate(turn)
  })
}

function turn(): void {
  if (performance.now() - ended > QUIET) setTimeout(resume, REST)
  else resume()
}

function resume(): void {
  const next = waiting.shift()
  began = performance.now()
  if (waiting.length > 0) {
    // Those who wait on are up after this slice.
    setImmediate(() => {
      ended = performance.now()
      setImmediate(turn)
    })
  }
  next?.()
}

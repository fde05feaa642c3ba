import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TokenBucket } from '../lib/token-bucket.js'

test('tokens are added at the rate, up to what there was at the start', () => {
  let now = 0
  const bucket = new TokenBucket({ initial: 10, rate: 2, now: () => now })
  bucket.take(8)
  assert.equal(bucket.tokens, 2)
  now = 3000
  assert.equal(bucket.tokens, 8)
  now = 60_000
  assert.equal(bucket.tokens, 10)
})

test('an action may take more tokens than there are: the next one has to wait for it', () => {
  let now = 0
  const bucket = new TokenBucket({ initial: 1, rate: 2, now: () => now })
  assert.equal(bucket.waitTime, 0)
  bucket.take(4)
  assert.equal(bucket.waitTime, 1500)
  now = 1000
  assert.equal(bucket.waitTime, 500)
})

test('without a maximum, a pause saves up all tokens', () => {
  let now = 0
  const bucket = new TokenBucket({ initial: 1, max: Number.POSITIVE_INFINITY, rate: 1, now: () => now })
  now = 100_000
  assert.equal(bucket.tokens, 101)
})

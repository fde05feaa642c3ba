export { ERROR_CODES, type ErrorCode, MirroredByError } from './errors.js'
export type { Home } from './geo/locator.js'
export type { MirrorChange, MirrorHealth, WayHealth } from './health/standing.js'
export type { Progress } from './indexer.js'
export type { RankedMirror, Ranking } from './mirrors/rank.js'
export type { StrategyName } from './mirrors/strategies/strategies.js'
export type { Choice, ChosenTier, Near, Strategy } from './mirrors/strategies/strategy.js'
export type {
  Algorithm,
  Awaitable,
  Client,
  Condition,
  Coordinates,
  Digests,
  EtagPolicy,
  Family,
  Field,
  HashedFile,
  Identity,
  IndexedFile,
  Mirror,
  MirrorState,
  Mode,
  Pieces,
  Place,
} from './model.js'
export type {
  ChallengeOptions,
  CheckedOptions,
  Duration,
  MirrorOptions,
  OriginOptions,
  PresenceOptions,
  ProbeOptions,
  Size,
  TraceOptions,
} from './options.js'
export { createOrigin, type Indexed, type MirrorInForce, type Origin, type OriginEvents } from './origin.js'
export { type Answer, answer, type Part, type Range, type Representation } from './plan/answer.js'
export { type AnswerView, type Decoration, decoration } from './plan/decoration.js'
export type {
  DecoratePlan,
  DocumentPlan,
  FilePlan,
  PassPlan,
  Plan,
  RedirectPlan,
  RejectPlan,
} from './plan/plan.js'
export type { RequestView } from './plan/view.js'
export type { CorruptFile, MirrorPresence, SurveyReport } from './presence/report.js'
export { memoryStore } from './store/memory.js'
export { memoryStates } from './store/memory-states.js'
export { sqliteStore } from './store/sqlite.js'
export { sqliteStates } from './store/sqlite-states.js'
export type {
  KnownCorrupt,
  KnownPresence,
  KnownScan,
  KnownStates,
  KnownWay,
  MirrorEvent,
  PresenceChange,
  SetName,
  StateChange,
  StateStore,
  StoredBlock,
  StoredEvent,
  WantedFile,
  Way,
  WayState,
} from './store/states.js'
export type { Change, SampledFile, Store, StoredFile, Totals } from './store/store.js'

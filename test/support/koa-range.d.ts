declare module 'koa-range' {
  import type { Middleware } from 'koa'

  const koaRange: Middleware
  export default koaRange
}

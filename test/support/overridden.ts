/**
 * Returns an object that has some methods of its own and otherwise those of `target`. Spreading
 * does not do that for an instance of a class, because its methods are in the prototype.
 */
export function overridden<T extends object>(target: T, methods: Partial<NoInfer<T>>): T {
  return new Proxy(target, {
    get: (_, name) => {
      if (Object.hasOwn(methods, name)) return Reflect.get(methods, name)
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

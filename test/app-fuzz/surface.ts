import type { createApp } from '../../app/src/http/app.ts'

/** What the app is made of, as far as it is looked into. */
export type App = ReturnType<typeof createApp>

/** One way into the app: a page, a form, or an operation of the API. */
export interface Target {
  readonly kind: 'page' | 'api'
  readonly method: string
  /** With `:id` and its like for parts that vary. */
  readonly path: string
  /** Names of what can be sent in a body. */
  readonly fields: readonly string[]
  /** Names after the question mark. */
  readonly query: readonly string[]
}

/** Everything that the app answers to, taken from the app itself: what is added to it is tried from then on. */
export interface Surface {
  readonly targets: readonly Target[]
  /** All names of fields and parameters that occur anywhere. */
  readonly names: readonly string[]
}

interface Layer {
  readonly route?: { readonly path: string | readonly string[]; readonly stack: readonly { readonly method?: string }[] }
}

/** Reads a page as somebody who is signed in; `path` has its placeholders filled in. */
export type ReadPage = (path: string) => Promise<string>

/** Routes of pages, from Express's router. */
export function pageRoutes(app: App): readonly { readonly method: string; readonly path: string }[] {
  const layers = (app.router as unknown as { readonly stack: readonly Layer[] }).stack
  return layers.flatMap(({ route }) =>
    route === undefined
      ? []
      : [route.path].flat().flatMap((path) => route.stack.map(({ method = 'get' }) => ({ method: method.toUpperCase(), path }))),
  )
}

/**
 * Finds all targets: pages by the router, their fields by the forms that pages show, operations by the OpenAPI document.
 *
 * @param fill puts ids that exist into a route's path
 */
export async function findSurface(options: {
  readonly app: App
  readonly read: ReadPage
  readonly fill: (path: string) => string
}): Promise<Surface> {
  const { app, read, fill } = options
  const routes = pageRoutes(app)
  const fields = new Map<string, Set<string>>()
  const query = new Map<string, Set<string>>()
  const note = (into: Map<string, Set<string>>, key: string, names: readonly string[]): void => {
    into.set(key, new Set([...(into.get(key) ?? []), ...names]))
  }
  const routeOf = (method: string, url: string): string | undefined => {
    const path = (url.split(/[?#]/, 1)[0] ?? '').replace(/(?<=.)\/$/, '')
    const matches = routes.filter(
      (route) => route.method === method && new RegExp(`^${route.path.replaceAll(/:\w+/g, '[^/]+')}$`).test(path),
    )
    return (matches.find((route) => route.path === path) ?? matches[0])?.path
  }
  for (const route of routes.filter(({ method }) => method === 'GET')) {
    const body = await read(fill(route.path))
    for (const form of body.matchAll(/<form([^>]*)>(.*?)<\/form>/gs)) {
      const attribute = (name: string): string | undefined => new RegExp(`\\b${name}="([^"]*)"`).exec(form[1] ?? '')?.[1]
      const method = (attribute('method') ?? 'get').toUpperCase()
      const names = [...(form[2] ?? '').matchAll(/<(?:input|select|textarea|button)\b[^>]*?\bname="([^"]+)"/g)].map(([, name = '']) => name)
      for (const action of [attribute('action') ?? fill(route.path), ...formActions(form[2] ?? '')]) {
        const target = routeOf(method, action.replaceAll('&amp;', '&'))
        if (target !== undefined) note(method === 'GET' ? query : fields, `${method} ${target}`, names)
      }
    }
    for (const [, link = ''] of body.matchAll(/href="(\/[^"]*\?[^"]*)"/g)) {
      const target = routeOf('GET', link)
      if (target !== undefined) note(query, `GET ${target}`, [...new URLSearchParams(link.split('?')[1]?.replaceAll('&amp;', '&')).keys()])
    }
  }
  const pages = routes.map(({ method, path }): Target => ({
    kind: 'page',
    method,
    path,
    fields: [...(fields.get(`${method} ${path}`) ?? [])],
    query: [...(query.get(`${method} ${path}`) ?? [])],
  }))
  const targets = [...pages, ...apiTargets(JSON.parse(await read('/api/v1/openapi.json')) as OpenApi)]
  return { targets, names: [...new Set(targets.flatMap((target) => [...target.fields, ...target.query]))] }
}

function formActions(form: string): readonly string[] {
  return [...form.matchAll(/\bformaction="([^"]+)"/g)].map(([, action = '']) => action)
}

interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, OpenApiOperation | readonly unknown[]>>>>
  readonly components: { readonly schemas: Readonly<Record<string, { readonly properties?: object }>> }
}

interface OpenApiOperation {
  readonly operationId?: string
  readonly parameters?: readonly { readonly in?: string; readonly name?: string }[]
  readonly requestBody?: {
    readonly content: Readonly<Record<string, { readonly schema: { readonly $ref?: string; readonly properties?: object } }>>
  }
}

function apiTargets({ paths, components }: OpenApi): readonly Target[] {
  return Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).flatMap(([method, operation]) => {
      if (!('operationId' in operation)) return []
      const { parameters = [], requestBody } = operation
      const fields = Object.values(requestBody?.content ?? {}).flatMap(({ schema }) =>
        Object.keys((schema.$ref === undefined ? schema : components.schemas[schema.$ref.split('/').at(-1) ?? ''])?.properties ?? {}),
      )
      const query = parameters.filter((parameter) => parameter.in === 'query').map(({ name = '' }) => name)
      return [{ kind: 'api', method: method.toUpperCase(), path: path.replaceAll(/\{(\w+)\}/g, ':$1'), fields, query } as const]
    }),
  )
}

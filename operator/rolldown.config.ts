import { join } from 'node:path'
import { defineConfig } from 'rolldown'

const sources = join(import.meta.dirname, 'src')
const dispatchers = join(import.meta.dirname, 'undici-dispatchers.js')
/** What `undici` exports of dispatchers, made as its own index does. */
const dispatchersCode = `
  import api from 'undici/lib/api/index.js'
  import Dispatcher from 'undici/lib/dispatcher/dispatcher.js'
  Object.assign(Dispatcher.prototype, api)
  export { default as Agent } from 'undici/lib/dispatcher/agent.js'
  export { default as ProxyAgent } from 'undici/lib/dispatcher/proxy-agent.js'
  export { default as Socks5ProxyAgent } from 'undici/lib/dispatcher/socks5-proxy-agent.js'
`

/** The image holds this bundle and no node_modules: the operator starts in a quarter of a second. */
export default defineConfig({
  input: { main: 'src/main.ts' },
  platform: 'node',
  plugins: [
    {
      name: 'undici-dispatchers',
      // The whole package, with its fetch, WebSocket, caches and mocks, takes 7 MiB of memory that the operator has no use for.
      resolveId: (source, importer) => (source === 'undici' && importer?.startsWith(sources) === true ? dispatchers : undefined),
      load: (id) => (id === dispatchers ? dispatchersCode : undefined),
    },
    {
      name: 'module-type',
      // Without it Node parses every file twice to find out that it is a module.
      generateBundle() {
        this.emitFile({ type: 'asset', fileName: 'package.json', source: '{"type":"module"}\n' })
      },
    },
  ],
  output: {
    dir: 'dist',
    format: 'esm',
    cleanDir: true,
    minify: { compress: true, mangle: false },
    entryFileNames: '[name].js',
    chunkFileNames: 'chunks/[name]-[hash].js',
    sourcemap: false,
  },
})

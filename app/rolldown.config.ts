import { defineConfig } from 'rolldown'

/**
 * The image holds this bundle and no node_modules. What a command does not need (a database driver, the mailer) is in chunks of its own beside
 * `main.js`, and is read only when it is needed: that is a third of the start.
 */
export default defineConfig({
  input: { main: 'src/main.ts' },
  platform: 'node',
  // pg's native binding is optional and not used.
  external: ['pg-native', 'cloudflare:sockets'],
  transform: { define: { 'process.env.NODE_ENV': '"production"' } },
  plugins: [
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

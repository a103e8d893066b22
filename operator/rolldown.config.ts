import { defineConfig } from 'rolldown'

/** The image holds this bundle and no node_modules: the operator starts in a quarter of a second. */
export default defineConfig({
  input: { main: 'src/main.ts' },
  platform: 'node',
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

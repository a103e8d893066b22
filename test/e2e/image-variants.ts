import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { type ImageRecipe, variantRecipe } from '../cluster/images.ts'

/** What an image variant does differently from the app: see variants/variant.mjs. */
export type Behaviour = 'good' | 'crashes' | 'never-ready' | 'answers-500' | 'fails-migration' | 'hangs-migration'

const entryPoint = fileURLToPath(new URL('variants/variant.mjs', import.meta.url))

/** An image of the app that behaves as a test needs it; another `label` gives another digest of the same behaviour. */
export async function appVariant(app: ImageRecipe, behaviour: Behaviour, label = ''): Promise<ImageRecipe> {
  return await variantRecipe({
    name: 'notejam',
    of: app,
    instructions: [
      `ENV NOTEJAM_TEST_BEHAVIOUR=${behaviour} NOTEJAM_TEST_LABEL="${label}"`,
      'COPY variant.mjs /variant.mjs',
      'ENTRYPOINT ["/usr/local/bin/node", "/variant.mjs"]',
    ].join('\n'),
    files: { 'variant.mjs': await readFile(entryPoint, 'utf8') },
  })
}

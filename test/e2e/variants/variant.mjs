// Stands before the app's own entry point and breaks what NOTEJAM_TEST_BEHAVIOUR names.
const behaviour = process.env.NOTEJAM_TEST_BEHAVIOUR
const command = process.argv[2]

if (behaviour === 'crashes' && command === 'serve') {
  console.error('this image crashes at start, as the test wants it')
  process.exit(42)
}
if (behaviour === 'fails-migration' && command === 'migrate') {
  console.error('this migration fails, as the test wants it')
  process.exit(1)
}
if (behaviour === 'hangs-migration' && command === 'migrate') {
  setInterval(() => {}, 1_000)
} else {
  process.argv[1] = '/app/main.js'
  await import('/app/main.js')
}

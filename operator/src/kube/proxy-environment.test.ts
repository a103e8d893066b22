import { expect, test } from 'vitest'
import { findProxy } from './proxy-environment.ts'

const proxy = 'http://proxy.example:3128'

test.each([
  ['https://api.example:6443', { HTTPS_PROXY: proxy }, proxy],
  ['https://api.example:6443', { https_proxy: 'proxy.example:3128' }, proxy],
  ['https://api.example', { HTTP_PROXY: proxy }, undefined],
  ['http://api.example', { HTTP_PROXY: proxy }, proxy],
  ['https://api.example', {}, undefined],
  ['https://localhost:6443', { HTTPS_PROXY: proxy }, undefined],
  ['https://127.0.0.1:6443', { HTTPS_PROXY: proxy }, undefined],
  ['https://[::1]:6443', { HTTPS_PROXY: proxy }, undefined],
  ['https://api.example', { HTTPS_PROXY: proxy, NO_PROXY: '*' }, undefined],
  ['https://api.example', { HTTPS_PROXY: proxy, NO_PROXY: 'other, example' }, undefined],
  ['https://api.example', { HTTPS_PROXY: proxy, NO_PROXY: '.example' }, undefined],
  ['https://example', { HTTPS_PROXY: proxy, NO_PROXY: '.example' }, proxy],
  ['https://badexample', { HTTPS_PROXY: proxy, NO_PROXY: 'example' }, proxy],
  ['https://api.example:6443', { HTTPS_PROXY: proxy, NO_PROXY: 'api.example:6443' }, undefined],
  ['https://api.example:6443', { HTTPS_PROXY: proxy, NO_PROXY: 'api.example:443' }, proxy],
  ['https://10.96.0.1', { HTTPS_PROXY: proxy, NO_PROXY: '10.96.0.0/12' }, undefined],
  ['https://10.0.0.1', { HTTPS_PROXY: proxy, no_proxy: '10.96.0.0/12' }, proxy],
  ['https://10.0.0.1', { HTTPS_PROXY: proxy, NO_PROXY: '10.0.0.1' }, undefined],
  ['https://[fd00::1]', { HTTPS_PROXY: proxy, NO_PROXY: 'fd00::/8' }, undefined],
])('%s with %o goes through %o', (server, environment, expected) => {
  expect(findProxy(server, environment)).toBe(expected)
})

import { defineConfig } from '@hey-api/openapi-ts';

export default defineConfig({
  logs: { file: false },
  input: './obj/openapi.json',
  output: { path: './obj/client' },
  plugins: [
    '@hey-api/typescript',
    // A problem is thrown, and what a call returns is the answer's body.
    { name: '@hey-api/client-fetch', throwOnError: true },
    { name: '@hey-api/sdk', responseStyle: 'data' },
  ],
});

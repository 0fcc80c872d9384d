/**
 * Imports point one way: contract <- call <- interceptors <- transports, client, server. Each rule
 * names a room and what it may not reach.
 */
const rooms = (names) => `^src/(${names.join('|')})/`;

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-circular',
      severity: 'error',
      comment: 'Two files that need each other are one idea or three.',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'contract-is-the-ground',
      severity: 'error',
      from: { path: '^src/contract/' },
      to: { path: '^src/(?!contract/)|^gen/' },
    },
    {
      name: 'call-knows-contract',
      severity: 'error',
      from: { path: '^src/call/' },
      to: { path: '^src/(?!call/|contract/|proto\\.ts)' },
    },
    {
      name: 'interceptors-know-call-and-contract',
      severity: 'error',
      from: { path: '^src/interceptors/' },
      to: { path: '^src/(?!interceptors/|call/|contract/)' },
    },
    {
      name: 'telemetry-watches-interceptors',
      severity: 'error',
      from: { path: '^src/telemetry/' },
      to: { path: '^src/(?!telemetry/|interceptors/|call/|contract/)' },
    },
    {
      name: 'a-transport-has-no-policy',
      severity: 'error',
      comment: 'A transport moves one attempt of one call; it knows no interceptor, no other transport, neither end.',
      from: { path: '^src/transports/(?!port/)([^/]+)/' },
      to: {
        path: '^src/',
        pathNot:
          '^src/(transports/$1/|transports/pipes/|transports/sockets/|transports/[^/]+\\.ts$|http2/|call/|contract/)',
      },
    },
    {
      name: 'the-port-has-no-policy',
      severity: 'error',
      comment: 'The port brings connections to the transports that it has, and knows neither end.',
      from: { path: '^src/transports/port/' },
      to: { path: '^src/', pathNot: '^src/(transports/|http2/|call/|contract/)' },
    },
    {
      name: 'http2-stands-alone',
      severity: 'error',
      comment: 'The engine knows neither gRPC nor Node: it runs wherever there is a pipe of bytes.',
      from: { path: '^src/http2/' },
      to: { pathNot: '^src/http2/' },
    },
    {
      name: 'client-and-server-are-strangers',
      severity: 'error',
      from: { path: '^src/client/' },
      to: { path: rooms(['server', 'codegen', 'cli', 'testing']) },
    },
    {
      name: 'server-and-client-are-strangers',
      severity: 'error',
      from: { path: '^src/server/' },
      to: { path: rooms(['client', 'codegen', 'cli', 'testing']) },
    },
    {
      name: 'subscription-knows-neither-end',
      severity: 'error',
      comment:
        'Hub, subscriber and frames know the call path; how they are served and reached is said by server and client.',
      from: { path: '^src/subscription/' },
      to: { path: rooms(['transports', 'client', 'server', 'stores', 'codegen', 'cli', 'testing']) },
    },
    {
      name: 'stores-implement-ports',
      severity: 'error',
      comment: 'A store knows the ports that interceptors and subscription own, never who serves or calls.',
      from: { path: '^src/stores/' },
      to: { path: rooms(['transports', 'client', 'server', 'codegen', 'cli', 'testing']) },
    },
    {
      name: 'databases-are-strangers',
      severity: 'error',
      from: { path: '^src/stores/(sqlite|postgres)/' },
      to: { path: '^src/stores/', pathNot: '^src/stores/($1|memory)/' },
    },
    {
      name: 'nothing-that-runs-imports-the-generator',
      severity: 'error',
      from: { path: '^src/(?!codegen/|cli/)' },
      to: { path: '^src/(codegen|cli)/' },
    },
    {
      name: 'generated-code-imports-only-hawser',
      severity: 'error',
      from: { path: '^gen/' },
      to: { pathNot: '^(gen/|src/(proto|thrift)\\.ts$)' },
    },
    {
      name: 'declared-dependencies-only',
      severity: 'error',
      from: { path: '^src/' },
      to: {
        dependencyTypes: ['npm-no-pkg', 'npm-unknown', 'npm-dev'],
        dependencyTypesNot: ['type-only', 'npm-peer', 'npm-optional'],
      },
    },
    {
      name: 'resolvable',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['hawser-source', 'import', 'node', 'types', 'default'],
    },
  },
};

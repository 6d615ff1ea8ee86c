// The server as `npm start` runs it: once it is ready, the rest of the arguments is shown.
import { register } from 'tsx/esm/api';

register();
await import('../../src/main.ts');
console.log(process.argv.slice(2).join('\n'));

// A process of its own: Dawn may crash on a broken driver, and the driver's variables must be set before it starts.
import { register } from 'tsx/esm/api';

register();
const { probeAdapter } = await import('../../src/gpu/device.ts');
console.log(JSON.stringify((await probeAdapter()) ?? null));
process.exit(0);

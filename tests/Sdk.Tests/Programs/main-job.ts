import assert from 'node:assert/strict';
import * as xlnet from './client/index.js';
import { client } from './client/client.gen.js';

client.setConfig({ baseUrl: process.env['XLNET_URL'] ?? '' });
const path = { host: 'dom0-ts' };
const guest = { ...path, guest: 'web1' };
const file = `# A web server, written by hand.
name    = "web1"
type    = "pv"
kernel  = "/guest/vmlinuz"
memory  = 128
vif     = ['bridge=xenbr0']   # one card
`;

const host = await xlnet.hostsPut({ path, body: { driver: { kind: 'simulated' } } });
assert.equal(host.simulated, true);
await xlnet.bridgesPut({ path: { ...path, bridge: 'br-lab' }, body: { description: 'For the lab.' } });
const config: string = await xlnet.guestConfigPut({ path: guest, body: file });
assert.match(config, /^# A web server, written by hand\.$/m);
const plan = await xlnet.hostsPlan({ path });

const started = await xlnet.guestsStart({ path: guest, query: { wait: '30s' } });
assert.equal(started.status, 'succeeded', JSON.stringify(started.error));
const vif = await xlnet.vifsAttach({ path: guest, body: { bridge: 'br-lab', rate: { bitsPerSecond: 10_000_000 } } });
const applied = await xlnet.hostsApply({ path, query: { wait: '30s' }, body: { allow: ['vif-blip'] } });
assert.equal(applied.status, 'succeeded', JSON.stringify(applied.error));

const live = (await xlnet.hostsObserve({ path })).domains.find(d => d.name === 'web1')?.vifs ?? [];
assert.equal(live[1]?.mac, vif.mac);
const explained = await xlnet.vifsExplain({ path: { ...guest, devid: vif.devid } });
const bridge = explained.settings.find(s => s.key === 'bridge');

assert.equal((await xlnet.guestsStop({ path: guest, query: { wait: '30s' } })).status, 'succeeded');
await xlnet.guestsDelete({ path: guest });
assert.equal((await xlnet.hostsApply({ path, query: { wait: '30s' } })).status, 'succeeded');
await xlnet.hostsDelete({ path });
const gone = await xlnet.hostsGet({ path }).catch((problem: xlnet.Problem) => problem.code);
assert.equal(gone, 'host.not-found');

console.log(`planned ${plan.steps.map(s => s.action).join(', ')}; web1 has ${live.map(v => `${v.dom0Name} on ${v.bridge}`).join(' and ')}; `
  + `the second is there as the ${bridge?.origin} says; gone`);

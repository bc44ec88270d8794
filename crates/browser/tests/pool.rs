//! The pool of workers: however many there are, and whatever happens to them, the
//! bytes are the same.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod page;

use fantoccini::Locator;
use ismvault_testkit::{KEY, KID, decrypted, inspect, samples};
use page::{Page, in_browser};
use serde_json::{Value, json};
use std::fs;

/// A page without the tool's own script, but with its modules at hand, and a file.
async fn laboratory(page: &Page, bytes: usize) -> Vec<u8> {
    let site = std::env::var("ISMVAULT_SITE").unwrap();
    page.client.goto(&format!("{site}/benches/bench.html")).await.unwrap();
    page.client.wait().for_element(Locator::Css("html[data-ready]")).await.unwrap();
    let path = page.folder.path().join("long.ismv");
    ismvault_testkit::write_large(&path, bytes);
    page.write("#file", path.to_str().unwrap()).await;
    fs::read(path).unwrap()
}

/// Runs JavaScript that gives a promise.
async fn run(page: &Page, body: &str, args: Value) -> Value {
    let script = format!(
        "const [args, done] = arguments;
         const file = document.getElementById('file').files[0];
         const hash = async (blob) => [...new Uint8Array(await crypto.subtle.digest('SHA-256', await blob.arrayBuffer()))].join();
         const work = async () => {{ {body} }};
         work().then(done, (e) => done({{ error: e.message ?? String(e) }}))"
    );
    page.client.execute_async(&script, vec![args]).await.unwrap()
}

#[test]
#[ignore = "needs the page served: cargo xtask test"]
fn one_two_and_eight_workers_write_the_same() {
    in_browser(|page| async move {
        let clear = laboratory(&page, 60_000_000).await;
        // The tool's own worker, but for its randomness.
        let body = "
            const script = `import '${location.origin}/worker.js'; crypto.getRandomValues = (a) => a.fill(7);`;
            const worker = new Worker(URL.createObjectURL(new Blob([script], { type: 'text/javascript' })), { type: 'module' });
            let next = 1;
            const call = (type, data) => new Promise((resolve, reject) => {
              const id = next++;
              worker.addEventListener('message', ({ data }) => {
                if (data.id !== id || data.type === 'update') return;
                data.type === 'done' ? resolve(data.result) : reject(new Error(data.error.message));
              });
              worker.postMessage({ id, type, ...data });
            });
            await call('inspect', { key: 1, file });
            const options = { profile: 'dual', kid: args.kid, key: args.key };
            const sums = [];
            let made;
            for (const workers of [1, 2, 8]) {
              ({ file: made } = await call('protect', { key: 1, options, choice: { kind: 'memory', name: 'x.mp4' }, workers }));
              sums.push(await hash(made));
            }
            const link = document.createElement('a');
            link.href = URL.createObjectURL(made);
            link.download = 'made.mp4';
            link.click();
            return sums;";
        let sums = run(&page, body, json!({ "kid": KID, "key": KEY })).await;
        let sums: Vec<&str> =
            sums.as_array().expect("sums").iter().flat_map(Value::as_str).collect();
        assert_eq!(sums.len(), 3);
        assert!(sums[0] == sums[1] && sums[1] == sums[2], "{sums:?}");
        let made = fs::read(page.downloaded("made.mp4").await).unwrap();
        let back = decrypted(&made, KEY);
        for track in inspect(&clear).tracks {
            assert!(samples(&back, track.id) == samples(&clear, track.id), "track {}", track.id);
        }
    });
}

#[test]
#[ignore = "needs the page served: cargo xtask test"]
fn a_worker_that_dies_is_replaced() {
    in_browser(|page| async move {
        laboratory(&page, 60_000_000).await;
        // Workers that throw when they get their nth message, and do no more.
        let body = "
            const { Pool, batches } = await import('/pkg/lib/pool.js');
            const { default: init, Inspector, Protection } = await import('/pkg/ismvault.js');
            const module = await WebAssembly.compileStreaming(fetch('/pkg/ismvault_bg.wasm'));
            await init({ module_or_path: module });
            const inspector = new Inspector(file.size);
            for (let spans; (spans = inspector.step());) {
              const parts = [];
              for (let i = 0; i < spans.length; i += 2) parts.push(file.slice(spans[i], spans[i] + spans[i + 1]));
              inspector.feed(new Uint8Array(await new Blob(parts).arrayBuffer()));
            }
            const protection = new Protection(inspector, { profile: 'dual', kid: args.kid, key: args.key });
            const units = protection.pieces().filter(({ unit }) => unit !== undefined);
            const start = (dies) => {
              let [started, died] = [0, 0];
              const start = () => {
                const at = dies(++started);
                const script = `import '${location.origin}/pkg/lib/units.js';
                  const { onmessage: work } = globalThis;
                  let messages = 0;
                  onmessage = (event) => {
                    if (++messages < ${at}) work(event);
                    else if (messages === ${at}) throw new Error('dead');
                  };`;
                const worker = new Worker(URL.createObjectURL(new Blob([script], { type: 'text/javascript' })), { type: 'module' });
                worker.addEventListener('error', () => died++);
                return worker;
              };
              return { start, count: () => died };
            };
            const make = async ({ start, count }) => {
              const hello = { module, setup: protection.setup(), file };
              const pool = new Pool(hello, new AbortController().signal, 2, start);
              const parts = [];
              const proofs = [];
              try {
                for await (const { bytes, proof } of pool.results(batches(units, 2), (unit) => protection.unitState(unit))) {
                  parts.push(bytes.slice());
                  proofs.push(proof.length > 16);
                }
              } finally {
                pool.close();
              }
              return { sum: await hash(new Blob(parts)), died: count(), proved: proofs.every(Boolean), batches: parts.length };
            };
            const healthy = await make(start(() => 1e9));
            const hurt = await make(start((n) => (n <= 2 ? 2 + n : 1e9)));
            const hopeless = await make(start(() => 2)).catch((e) => e.message);
            return { healthy, hurt, hopeless };";
        let told = run(&page, body, json!({ "kid": KID, "key": KEY })).await;
        let (healthy, hurt) = (&told["healthy"], &told["hurt"]);
        assert!(healthy["batches"].as_u64().is_some_and(|n| n > 4), "{told}");
        assert_eq!(healthy["sum"], hurt["sum"], "{told}");
        assert_eq!((&healthy["died"], &hurt["died"]), (&json!(0), &json!(2)), "{told}");
        assert_eq!(hurt["proved"], true);
        let hopeless = told["hopeless"].as_str().unwrap_or_else(|| panic!("{told}"));
        assert!(hopeless.contains("stopped 3 times at byte "), "{hopeless}");
    });
}

#[test]
#[ignore = "needs the page served: cargo xtask test"]
fn a_core_that_stops_is_replaced_and_everything_else_goes_on() {
    in_browser(|page| async move {
        laboratory(&page, 2_000_000).await;
        // The tool's own worker, but that a file of 1234 bytes is its end.
        let body = "
            const { Core } = await import('/pkg/lib/rpc.js');
            const script = `
              import '${location.origin}/worker.js';
              const real = WebAssembly.instantiate;
              WebAssembly.instantiate = async (module, imports) => {
                const { exports } = await real.call(WebAssembly, module, imports);
                const stop = (size) => {
                  if (size === 1234) throw new WebAssembly.RuntimeError('unreachable');
                  return exports.inspector_new(size);
                };
                return { instance: { exports: { ...exports, inspector_new: stop } }, module };
              };`;
            let started = 0;
            const core = new Core(() => {
              started += 1;
              return new Worker(URL.createObjectURL(new Blob([script], { type: 'text/javascript' })), { type: 'module' });
            });
            await core.call('inspect', { key: 1, file });
            const bad = core.call('inspect', { key: 2, file: new Blob([new Uint8Array(1234)]) }).then(() => 'read', (e) => e.message);
            const other = core.call('inspect', { key: 3, file });
            const said = await bad;
            const good = await other;
            // What was open before is open still.
            const tops = await core.call('tops', { key: 1 });
            return { said, started, tracks: good.tracks.length, tops: tops.at.length };";
        let found = run(&page, body, json!({})).await;
        let said = found["said"].as_str().unwrap_or_default();
        assert!(said.contains("stopped on this file"), "{found}");
        assert_eq!(found["started"], 2, "{found}");
        assert_eq!(found["tracks"], 2, "{found}");
        assert!(found["tops"].as_u64().unwrap() > 3, "{found}");
    });
}

#[test]
#[ignore = "needs the page served: cargo xtask test"]
fn the_cipher_of_the_page_is_that_of_the_browser() {
    in_browser(|page| async move {
        laboratory(&page, 1_000_000).await;
        // Each of `times` IVs, one after the other, over the same bytes.
        let body = "
            const core = await import('/pkg/ismvault.js');
            await core.default();
            const key = await crypto.subtle.importKey('raw', new Uint8Array(16).fill(7), 'AES-CTR', false, ['encrypt']);
            let compared = 0;
            for (const length of [1, 15, 16, 17, 127, 128, 129, 350, 895, 896, 897, 2047, 2048, 2049, 25000, 300001]) {
              for (const times of [1, 3]) {
                const bytes = crypto.getRandomValues(new Uint8Array(Math.min(length, 65536)));
                const [ours, aes] = [new Uint8Array(length), new Uint8Array(length)];
                ours.set(bytes);
                let theirs = ours.slice();
                aes.set(bytes);
                core.encryptSamples(ours, times, false);
                core.encryptSamples(aes, times, true);
                for (let number = 0; number < times; number++) {
                  const counter = new Uint8Array(16);
                  counter[7] = number;
                  theirs = new Uint8Array(await crypto.subtle.encrypt({ name: 'AES-CTR', counter, length: 64 }, key, theirs));
                }
                for (let i = 0; i < length; i++) {
                  if (ours[i] !== theirs[i] || aes[i] !== theirs[i]) throw new Error(`${length} bytes differ at ${i}`);
                }
                compared++;
              }
            }
            return compared;";
        assert_eq!(run(&page, body, json!({})).await, json!(32));
    });
}

// The end of the pipeline without encryption: the pool and sinks of the page.

onmessage = async ({ data: { kind, handle, file, units, code } }) => {
  try {
    const { Pool, batches, howMany } = await import('/pkg/lib/pool.js');
    const sinks = await import('/pkg/lib/sinks.js');
    const from = performance.now();
    const start = () => new Worker(URL.createObjectURL(new Blob([code], { type: 'text/javascript' })));
    const stop = new AbortController();
    const pool = new Pool({ module: true, setup: new Uint8Array(0), file }, stop.signal, howMany(), start);
    const sink = await sinks.open({ kind, handle, name: 'copy.mp4' }, file.size);
    for await (const { bytes } of pool.results(batches(units, howMany()), () => null)) await sink.write(bytes);
    pool.close();
    const { drop } = await sink.close();
    const ms = performance.now() - from;
    await drop?.();
    postMessage({ ms });
  } catch (error) {
    postMessage({ error: error.message });
  }
};

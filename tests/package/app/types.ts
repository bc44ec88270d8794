// The package as TypeScript sees it, at its strictest.

import { decrypt, header, inspect, mux, protect, rebox, recognise, Refusal, tryKeys } from 'ismvault';
import type { Inspection, Protected, Source } from 'ismvault';

/** Only what is no `any` passes. */
type Known<T> = 0 extends 1 & T ? never : T;
const known = <T>(value: Known<T>): T => value as T;

export async function all(file: Blob, sink: WritableStream<Uint8Array>, signal: AbortSignal): Promise<string> {
  const facts: Inspection = known(await inspect(file, { signal, onProgress: (part) => part.toFixed(2) }));
  const kid: string | null | undefined = known(facts.tracks[0]?.protection?.kid);
  const own: Source = { size: 3, read: async (at, length) => new Uint8Array(length).fill(at) };
  await inspect(own);
  const made: Protected = known(await protect(file, { profile: 'dual', kid: kid ?? undefined, la_url: 'https://licence.example/' }, sink, { signal }));
  known(made.receipt.samples_compared.toFixed());
  known((await decrypt(file, made.keys[0]?.key ?? '')).notes.join());
  known((await rebox(file, { profile: 'cenc' })).compared.toFixed());
  known((await mux([file, file], { under: 500 })).file?.size);
  known((await recognise('…')).title);
  known((await tryKeys(file, '…'))[0]?.track.toFixed());
  known((await header({ kids: ['09e36702-8f33-436c-a5dd-60ffe6671e70'] }))[0]?.version);
  try {
    // @ts-expect-error there is no such option
    await protect(file, { profil: 'dual' });
  } catch (error) {
    if (error instanceof Refusal) return error.place;
  }
  return '';
}

// Made of the structs of the core by `cargo test`; see src/typescript.rs.

/**
 * A header in one version: its forms, or why the version cannot say it.
 */
export type Attempt = { 
/**
 * Such as `4.0`.
 */
version: string, 
/**
 * Which clients read it.
 */
clients: string, 
/**
 * The forms.
 */
forms?: Forms, 
/**
 * Why not.
 */
refusal?: Failure, };

/**
 * Bits a second.
 */
export type Bitrates = { 
/**
 * What `esds` or `btrt` says.
 */
declared: number | null, 
/**
 * Bytes of samples over their time.
 */
measured: number | null, 
/**
 * The same of the fragment with the most.
 */
peak: number | null, };

/**
 * What a [`Reader`] that records has read: one field, by name.
 */
export type BoxField = { 
/**
 * Its name in the standard; rows of a list carry their number, from 0.
 */
name: string, 
/**
 * Absolute offset of its first byte.
 */
at: number, 
/**
 * Bytes. Fields of a few bits share theirs.
 */
len: number, 
/**
 * What stands there.
 */
value: Value, };

/**
 * A kind of box.
 */
export type BoxKind = { 
/**
 * Its type.
 */
kind: string, 
/**
 * Its name.
 */
name: string | null, 
/**
 * Where it is defined.
 */
source: string | null, };

/**
 * A box, with those inside it.
 */
export type Branch = { 
/**
 * Its code, or `uuid[…]`.
 */
kind: string, 
/**
 * Its name in the standard, where it is known.
 */
name: string | null, 
/**
 * Where it is defined.
 */
source: string | null, 
/**
 * Absolute offset.
 */
at: number, 
/**
 * Bytes, header included.
 */
size: number, 
/**
 * Bytes of its header.
 */
header: number, 
/**
 * The boxes inside.
 */
children?: Array<Branch>, };

/**
 * A track of a set, as it can be chosen.
 */
export type Candidate = { 
/**
 * Number of its file.
 */
file: number, 
/**
 * Its own number.
 */
track: number, 
/**
 * What it is.
 */
kind: TrackKind, 
/**
 * Its language.
 */
language: string, 
/**
 * Bits a second, measured.
 */
bitrate: number, 
/**
 * Width and height.
 */
dimensions: [number, number] | null, 
/**
 * Its codec.
 */
codec: string, 
/**
 * Whether players play it by themselves.
 */
enabled: boolean, };

/**
 * One row of [`CHECKS`].
 */
export type Check = { 
/**
 * Its number, 1 to 64; several rows may share one.
 */
number: number, 
/**
 * Which one.
 */
id: CheckId, 
/**
 * How bad.
 */
severity: Severity, 
/**
 * Who trips over it.
 */
fails: Fails, 
/**
 * Clause, or section of the facts.
 */
source: string, 
/**
 * What is wrong, in general.
 */
title: string, 
/**
 * What to do.
 */
advice: string, 
/**
 * What takes it away.
 */
mend: Mend | null, 
/**
 * Whether files and a manifest of which it is told do not belong together, so
 * that they are not made into one.
 */
breaks_set: boolean, };

/**
 * Which check.
 */
export type CheckId = string;

/**
 * One of the values of a field.
 */
export type Choice = { 
/**
 * As JSON has it; a number where that is one.
 */
value: string, 
/**
 * What a form calls it.
 */
label: string, 
/**
 * What it is for, or nothing.
 */
purpose: string, };

/**
 * Which refusal: stable, for programs.
 */
export type Code = string;

/**
 * What differs between two files.
 */
export type Comparison = { 
/**
 * The answer, in words.
 */
verdict: string, 
/**
 * Whether they mean the same.
 */
same_meaning: boolean, 
/**
 * What differs in meaning.
 */
meaning: Array<Difference>, 
/**
 * What differs in boxes of `moov` and at the top.
 */
boxes: Array<Difference>, };

/**
 * What may be given for a field.
 */
export type Control = "text" | "url" | "lines" | "secret" | "keys" | "number" | "numbers" | "words" | "choice" | "flag";

/**
 * What something turned out to be, and what is in it.
 */
export type Decoded = { 
/**
 * For programs: `pssh`, `playready_object`, `wrmheader`, `licence_store`,
 * `widevine`, `kid`, `manifest`, `text`, `bytes` and so on.
 */
kind: string, 
/**
 * What it is, in words.
 */
title: string, 
/**
 * Whose it is.
 */
system_id?: Uuid, 
/**
 * Facts, each with its name.
 */
facts?: Array<Fact>, 
/**
 * The keys it names.
 */
kids?: Array<KidForms>, 
/**
 * A WRMHEADER.
 */
header?: WrmHeader, 
/**
 * Its bytes, base64.
 */
base64?: string, 
/**
 * What is wrong, or worth knowing.
 */
findings?: Array<Finding>, 
/**
 * What is in it.
 */
inner?: Array<Decoded>, };

/**
 * With which keys to decrypt.
 */
export type Decrypt = { 
/**
 * Each `KEY`, `KID:KEY` or `TRACK:KEY`, several of them with spaces, commas or
 * line ends between, or a list that a file is protected with.
 */
keys: Array<string>, };

/**
 * The answer for one track.
 */
export type Diagnosis = { 
/**
 * Its number.
 */
track: number, 
/**
 * Its KID.
 */
kid: Uuid | null, 
/**
 * What is known.
 */
verdict: Verdict, 
/**
 * Which way of reading what was given it is about.
 */
reading: string | null, 
/**
 * Whether that is something that was given: a file may also be protected with
 * a key that everybody knows.
 */
given: boolean, 
/**
 * What tells.
 */
evidence: string, 
/**
 * All of it in a sentence.
 */
sentence: string, };

/**
 * Something that is one thing in one file and another in the other.
 */
export type Difference = { 
/**
 * What it is of: `file`, `track 1`, `PlayReady header`.
 */
of: string, 
/**
 * Which fact, or box path.
 */
what: string, 
/**
 * In the first file; none where it has none.
 */
a: string | null, 
/**
 * In the second.
 */
b: string | null, };

/**
 * A line of the list.
 */
export type Entry = { 
/**
 * The output's path in its folder; in a list that was given, also its name,
 * or `*` for all others.
 */
output: string, 
/**
 * In the order of `tenc`.
 */
kid: string, 
/**
 * In hex.
 */
key: string, };

/**
 * Whose doing an [`Error`] is.
 */
export type ErrorKind = "malformed" | "unsupported" | "misuse" | "limit";

/**
 * A name and a value.
 */
export type Fact = { 
/**
 * The field's name.
 */
name: string, 
/**
 * In words, or hex.
 */
value: string, };

/**
 * Who trips over what a check finds; the gravest first.
 */
export type Fails = string;

/**
 * A refusal: a sentence, a stable code, and the place in the file if there is one.
 */
export type Failure = { 
/**
 * Whose doing.
 */
kind: ErrorKind, 
/**
 * Which refusal it is.
 */
code: Code, 
/**
 * A sentence for people, without the place.
 */
message: string, 
/**
 * Absolute byte offset in the input.
 */
at?: number, 
/**
 * Box path, such as `moov/trak/tkhd`.
 */
path?: string, };

/**
 * The fields of one box.
 */
export type FieldTable = { 
/**
 * The window asked for.
 */
fields: Array<BoxField>, 
/**
 * How many there are.
 */
total: number, 
/**
 * Where they stop being what the standard says.
 */
error?: Failure, };

/**
 * Something worth telling about a file.
 */
export type Finding = { 
/**
 * A sentence.
 */
message: string, 
/**
 * The file it is in, where there are several.
 */
file?: string, 
/**
 * Which track, where it concerns one.
 */
track?: number, 
/**
 * Absolute byte offset.
 */
at?: number, 
/**
 * Bytes it is about, from there.
 */
length?: number, 
/**
 * Box path.
 */
path?: string, 
/**
 * How often the same was found; the rest is about the first time.
 */
times: number, 
/**
 * What proves it, line by line.
 */
evidence?: Array<string>, 
/**
 * Its number, 1 to 64; several rows may share one.
 */
number: number, 
/**
 * Which one.
 */
id: CheckId, 
/**
 * How bad.
 */
severity: Severity, 
/**
 * Who trips over it.
 */
fails: Fails, 
/**
 * Clause, or section of the facts.
 */
source: string, 
/**
 * What is wrong, in general.
 */
title: string, 
/**
 * What to do.
 */
advice: string, 
/**
 * What takes it away.
 */
mend: Mend | null, 
/**
 * Whether files and a manifest of which it is told do not belong together, so
 * that they are not made into one.
 */
breaks_set: boolean, };

/**
 * A field and its choices.
 */
export type FormField = { 
/**
 * [`Field::choices`].
 */
choices: Array<Choice>, 
/**
 * In JSON; the flag has hyphens for its underscores.
 */
name: string, 
/**
 * What a form calls it.
 */
label: string, 
/**
 * What stands for its value in a usage line, such as `URL`.
 */
value: string, 
/**
 * What it is for: a sentence without its last full stop.
 */
help: string, 
/**
 * What may be given.
 */
control: Control, 
/**
 * Where a form has it.
 */
place: FormPlace, };

/**
 * Where a form has a field.
 */
export type FormPlace = "key" | "plain" | "more" | "tracks" | "nowhere";

/**
 * Which manifests.
 */
export type Format = "ism" | "dash" | "hls";

/**
 * A header of one version, in every form it is needed in.
 */
export type Forms = { 
/**
 * Such as `4.0`.
 */
version: string, 
/**
 * Which clients read it.
 */
clients: string, 
/**
 * The XML.
 */
xml: string, 
/**
 * The PlayReady Object, base64.
 */
object_base64: string, 
/**
 * The same in hex.
 */
object_hex: string, 
/**
 * Bytes of it.
 */
object_size: number, 
/**
 * The `pssh` box, base64.
 */
pssh_base64: string, 
/**
 * The same in hex.
 */
pssh_hex: string, 
/**
 * For a Smooth Streaming client manifest.
 */
ismc: string, 
/**
 * For a DASH manifest.
 */
mpd: string, 
/**
 * For an HLS playlist.
 */
hls: string, };

/**
 * A four-character box or brand code.
 */
export type FourCc = string;

/**
 * What a header is to say.
 */
export type Header = { 
/**
 * Identifiers of keys; several from version 4.2 on.
 */
kids?: Array<string>, 
/**
 * The content key of the KID in the same place, for its CHECKSUM.
 */
keys?: Array<string>, 
/**
 * Where players ask for licences.
 */
la_url?: string, 
/**
 * A page for people without a licence.
 */
lui_url?: string, 
/**
 * The domain service, 16 bytes in base64.
 */
ds_id?: string, 
/**
 * XML to put into CUSTOMATTRIBUTES.
 */
custom_attributes?: string, 
/**
 * 4.0, 4.1, 4.2 or 4.3; 4.0 if left out.
 */
version?: string, 
/**
 * For AES-CBC (`cbcs`) instead of AES-CTR.
 */
cbc?: boolean, 
/**
 * Whether the client asks for a licence before it has a KID
 * (DECRYPTORSETUP).
 */
on_demand?: boolean, };

/**
 * A key as a WRMHEADER names it.
 */
export type HeaderKey = { 
/**
 * In the order of `tenc`; none where the text is not 16 bytes of base64.
 */
kid?: Uuid, 
/**
 * As it is written: base64 of the GUID byte order.
 */
guid_base64: string, 
/**
 * AESCTR, AESCBC or COCKTAIL.
 */
algid?: string, 
/**
 * base64; proves the key that belongs to the KID.
 */
checksum?: string, };

/**
 * A WRMHEADER, each KID in both byte orders.
 */
export type HeaderSummary = { 
/**
 * The KIDs in GUID byte order.
 */
kids_guid: Array<Uuid>, 
/**
 * Such as `4.0.0.0`.
 */
version: string, 
/**
 * The keys, in the order of `tenc`.
 */
kids: Array<Uuid>, 
/**
 * The keys, with all that the header says of them.
 */
keys: Array<HeaderKey>, 
/**
 * Where licences are asked for.
 */
la_url: string | null, 
/**
 * A page for people.
 */
lui_url: string | null, 
/**
 * The domain service, base64.
 */
ds_id: string | null, 
/**
 * The packager's own XML, as it stands.
 */
custom_attributes: string | null, 
/**
 * ONDEMAND where the client asks before it has a KID.
 */
decryptor_setup: string | null, 
/**
 * The whole XML.
 */
xml: string, };

/**
 * Whether a link holds.
 */
export type Holds = "yes" | "nearly" | "no" | "unknown" | "unneeded";

/**
 * Everything known of a file. Times in seconds; in ticks as decimal text,
 * because JavaScript's numbers end at 2^53. Rates in bits a second.
 */
export type Inspection = { 
/**
 * Version of this form.
 */
schema: number, 
/**
 * All of it in a line.
 */
verdict: string, 
/**
 * The state of the file and what follows of it, the worst first.
 */
answer: string, 
/**
 * What the file is made of.
 */
facts: string, 
/**
 * Each link that playing needs: key, header, tracks, samples.
 */
story: Array<Link>, 
/**
 * Whether the file can be protected as it is; if not, why.
 */
protectable: Protectable, 
/**
 * Bytes of the file.
 */
size: number, 
/**
 * What `ftyp` lists, the major brand first.
 */
brands: Array<FourCc>, 
/**
 * Of `ftyp`.
 */
major_brand: FourCc | null, 
/**
 * Of `ftyp`.
 */
minor_version: number | null, 
/**
 * Whether the file has or announces fragments.
 */
fragmented: boolean, 
/**
 * Of the longest track.
 */
duration_seconds: number | null, 
/**
 * Of all tracks together.
 */
bitrate: number | null, 
/**
 * `moof` boxes.
 */
fragments: number, 
/**
 * In file order.
 */
tracks: Array<TrackSummary>, 
/**
 * In file order.
 */
systems: Array<SystemSummary>, 
/**
 * The gravest first.
 */
findings: Array<Finding>, };

/**
 * A KID and its content key, to be shown to the person who made them.
 */
export type KeyPair = { 
/**
 * Which key.
 */
kid: Uuid, 
/**
 * The key, in hex.
 */
key: string, };

/**
 * A KID in every form people meet it.
 */
export type KidForms = { 
/**
 * In the order of `tenc`, `pssh`, MPD.
 */
kid: Uuid, 
/**
 * The GUID byte order, as PlayReady licences and headers have it.
 */
guid: Uuid, 
/**
 * base64 of the order of `tenc`.
 */
base64: string, 
/**
 * base64 of the GUID byte order: what stands in a WRMHEADER.
 */
guid_base64: string, };

/**
 * One link.
 */
export type Link = { 
/**
 * Which one.
 */
part: Part, 
/**
 * Whether it holds.
 */
holds: Holds, 
/**
 * Why, in a sentence.
 */
reason: string, 
/**
 * Where its worst finding is.
 */
at?: number, };

/**
 * What takes a finding away.
 */
export type Mend = "repair" | "header";

/**
 * Which tracks of a set go into one file; a field for each row of
 * [`super::fields::MUX_SET`], where it says what each is for.
 */
export type MuxSet = { video?: string, under?: number, height?: number, audio?: Array<string>, text?: boolean, };

/**
 * A [`Part`], for a host that only makes files.
 */
export type NewFile = { 
/**
 * Which input.
 */
input: number, 
/**
 * What it is called.
 */
name: string, 
/**
 * Whether the input serves as it is.
 */
whole: boolean, };

/**
 * What playing needs, in this order.
 */
export type Part = "key" | "header" | "tracks" | "samples";

/**
 * What is given to a media source, and in which parts.
 */
export type Playable = { 
/**
 * `video/mp4` or `audio/mp4`.
 */
mime: string, 
/**
 * RFC 6381 strings of its video.
 */
video: Array<string>, 
/**
 * RFC 6381 strings of its audio.
 */
audio: Array<string>, 
/**
 * Whether the fragments have what browsers need: `tfdt`, and a scheme that
 * is not `piff`.
 */
as_it_is: boolean, 
/**
 * Whether samples are protected.
 */
protected: boolean, 
/**
 * The keys they need.
 */
kids: Array<Uuid>, 
/**
 * `ftyp` and `moov`: offset and length of each.
 */
head: Array<[number, number]>, 
/**
 * Offset and length of every fragment of the first seconds.
 */
fragments: Array<[number, number]>, 
/**
 * When the first picture, or sound where there is none, is presented, in
 * seconds: an element that waits for media at zero waits for ever.
 */
start: number, 
/**
 * Where those fragments end, in seconds.
 */
seconds: number, };

/**
 * One fragment of a track.
 */
export type Point = { 
/**
 * Its `moof`.
 */
at: number, 
/**
 * Bytes of that.
 */
size: number, 
/**
 * When its first sample is shown, in seconds; counted from the fragments
 * before it where the file does not tell.
 */
start: number, 
/**
 * Seconds.
 */
duration: number, 
/**
 * Bytes of its samples.
 */
bytes: number, 
/**
 * Of those, in protected ranges.
 */
protected: number, 
/**
 * Its samples.
 */
samples: number, 
/**
 * Bits a second.
 */
bitrate: number, 
/**
 * Whether it begins with a sync sample.
 */
sync: boolean, };

/**
 * What a plan will write, for people to read first.
 */
export type Preview = { 
/**
 * The plan in sentences.
 */
sentences: Array<string>, 
/**
 * The keys in use.
 */
keys: Array<PreviewKey>, 
/**
 * The WRMHEADER.
 */
header_xml: string, 
/**
 * The PlayReady Object, base64: for a manifest's ProtectionHeader.
 */
object_base64: string, 
/**
 * Its `pssh` box, base64: for an MPD's `cenc:pssh`.
 */
pssh_base64: string, 
/**
 * The tracks that are protected.
 */
tracks: Array<number>, 
/**
 * Their samples that are.
 */
samples: number, };

/**
 * A key of a [`Preview`], by what is public of it.
 */
export type PreviewKey = { 
/**
 * In the order of `tenc`.
 */
kid: Uuid, 
/**
 * In the order of the PlayReady header.
 */
kid_guid: Uuid, 
/**
 * Proves the key to whoever has it.
 */
checksum: string, 
/**
 * The tracks it is for.
 */
tracks: Array<number>, };

/**
 * How to protect; a field for each row of [`super::fields::PROTECT`], where
 * it says what each is for.
 */
export type Protect = { profile?: string, scheme?: string, kid?: string, key?: string, seed?: string, keys?: string, la_url?: string, tracks?: Array<number>, clear_lead?: number, iv_size?: number | string, widevine?: boolean, header_version?: string, lui_url?: string, custom_attributes?: string, };

/**
 * Whether a file can be protected.
 */
export type Protectable = { 
/**
 * It can.
 */
yes: boolean, 
/**
 * Why not, and what to do.
 */
reason: string | null, 
/**
 * The same as a stable code.
 */
code: Code | null, };

/**
 * How a track is protected.
 */
export type ProtectionSummary = { 
/**
 * `piff`, `cenc` and the like.
 */
scheme: FourCc | null, 
/**
 * Such as 0x00010001.
 */
scheme_version: string, 
/**
 * Its name, and PIFF's number for it.
 */
algorithm: string, 
/**
 * 0 clear, 1 AES-CTR, 2 AES-CBC.
 */
algorithm_id: number, 
/**
 * Bytes of IV a sample.
 */
iv_size: number, 
/**
 * Of every sample, in hex, where there is one.
 */
constant_iv: string | null, 
/**
 * In the order of `tenc`.
 */
kid: Uuid | null, 
/**
 * In the order a PlayReady header and licence have it.
 */
kid_guid: Uuid | null, 
/**
 * Which boxes say so: `tenc`, `uuid` for PIFF's, or `tenc and uuid`.
 */
tenc: string, };

/**
 * What is to be published.
 */
export type Publish = { 
/**
 * Which manifests.
 */
format: Format, 
/**
 * What they are called.
 */
title: string, 
/**
 * For DASH: each fragment as a file of its own, with an address like Smooth
 * Streaming's.
 */
segments?: boolean, };

/**
 * What is kept of what was published.
 */
export type PublishedNames = { 
/**
 * The manifests.
 */
texts: Array<WrittenManifest>, 
/**
 * The media files that they name.
 */
media: Array<string>, 
/**
 * What the manifests leave out.
 */
notes: Array<string>, };

/**
 * What is known of a finished file.
 */
export type Receipt = { 
/**
 * What made it.
 */
made_by: string, 
/**
 * Name of the input, where it has one.
 */
input: string, 
/**
 * Bytes of the input.
 */
input_size: number, 
/**
 * Bytes of the output.
 */
output_size: number, 
/**
 * SHA-256 of the output, in hex: see [`FileHash`].
 */
sha256: string, 
/**
 * Samples that were decrypted again from the output and are those of the input.
 */
samples_compared: number, 
/**
 * Those of them that were encrypted.
 */
samples_encrypted: number, 
/**
 * Whether no counter is used twice with a key; `false` is never written.
 */
ivs_unique: boolean, 
/**
 * `piff`, `cenc` or `cbcs`.
 */
scheme: string, 
/**
 * The profile.
 */
profile: string, 
/**
 * The keys, by what is public of them.
 */
keys: Array<PreviewKey>, 
/**
 * The plan in sentences.
 */
options: Array<string>, };

/**
 * What changes where a file is written anew, by boxes alone.
 */
export type Rewriting = { 
/**
 * Whose boxes of protection are written; none to keep those that are there.
 */
profile?: string, 
/**
 * Whether a file that ends too early is taken as far as it is whole.
 */
mend?: boolean, 
/**
 * Whether edit lists become a part of the times, as for files of a set.
 */
fold?: boolean, };

/**
 * One sample, to show.
 */
export type SampleRow = { 
/**
 * Its number in the fragment, from 1.
 */
number: number, 
/**
 * Absolute offset.
 */
at: number, 
/**
 * Bytes.
 */
size: number, 
/**
 * When it is decoded, in ticks, in decimal; where the file tells.
 */
decode_time: string | null, 
/**
 * When it is shown, in seconds.
 */
seconds: number | null, 
/**
 * Ticks.
 */
duration: number, 
/**
 * Ticks from decoding to presentation.
 */
composition_offset: number, 
/**
 * Whether decoding can start here.
 */
sync: boolean, 
/**
 * Its key.
 */
kid: Uuid | null, 
/**
 * In hex.
 */
iv: string | null, 
/**
 * Clear and protected bytes, in turn; none where all of it is one or the
 * other, as [`SampleRow::kid`] tells.
 */
subsamples?: Array<[number, number]>, };

/**
 * How bad a finding is.
 */
export type Severity = "error" | "warning" | "info";

/**
 * A protection header.
 */
export type SystemSummary = { 
/**
 * SystemID.
 */
system_id: Uuid, 
/**
 * Its name.
 */
name: string, 
/**
 * `pssh`, or `uuid` for PIFF's.
 */
box: string, 
/**
 * Of the box.
 */
version: number, 
/**
 * Where the box is.
 */
at: number, 
/**
 * The keys it lists.
 */
kids: Array<Uuid>, 
/**
 * Bytes of its data.
 */
data_size: number, 
/**
 * Its data; for PlayReady the PlayReady Object.
 */
data_base64: string, 
/**
 * Whether it is in a fragment, as where keys rotate.
 */
in_fragment: boolean, 
/**
 * PlayReady's header.
 */
header?: HeaderSummary, 
/**
 * All that is in it.
 */
decoded: Decoded, };

/**
 * What a page makes its forms of, and what files it takes.
 */
export type Tables = { 
/**
 * Of [`super::Protect`].
 */
protect: Array<FormField>, 
/**
 * Extensions of media files.
 */
media: Array<string>, 
/**
 * Extensions of manifests.
 */
manifests: Array<string>, };

/**
 * The fragments of one track.
 */
export type Timeline = { 
/**
 * The track.
 */
track: number, 
/**
 * Bits a second, over all.
 */
average: number | null, 
/**
 * Of the fragment with the most.
 */
peak: number | null, 
/**
 * What the file declares.
 */
declared: number | null, 
/**
 * In file order.
 */
fragments: Array<Point>, };

/**
 * What a track is.
 */
export type TrackKind = "video" | "audio" | "text" | "other";

/**
 * The samples of one track in a fragment.
 */
export type TrackSamples = { 
/**
 * The track.
 */
track: number, 
/**
 * The fragment's `moof`.
 */
moof_at: number, 
/**
 * Its samples.
 */
samples: Array<SampleRow>, 
/**
 * Why their protection cannot be told, if so.
 */
problem?: Failure, };

/**
 * One track.
 */
export type TrackSummary = { 
/**
 * Its number.
 */
id: number, 
/**
 * What it is.
 */
kind: TrackKind, 
/**
 * RFC 6381.
 */
codec: string | null, 
/**
 * The sample entry's code before protection.
 */
format: FourCc | null, 
/**
 * ISO 639-2/T.
 */
language: string, 
/**
 * Ticks a second.
 */
timescale: number, 
/**
 * From its samples.
 */
duration_seconds: number | null, 
/**
 * From its samples, in decimal.
 */
duration_ticks: string, 
/**
 * Pixels.
 */
width: number | null, 
/**
 * Pixels.
 */
height: number | null, 
/**
 * Pictures a second, on average.
 */
frame_rate: number | null, 
/**
 * Channels.
 */
channels: number | null, 
/**
 * Samples a second.
 */
sample_rate: number | null, 
/**
 * Fragments with samples of it.
 */
fragments: number, 
/**
 * Samples.
 */
samples: number, 
/**
 * Bytes of them.
 */
bytes: number, 
/**
 * Bits a second.
 */
bitrate: Bitrates, 
/**
 * How it is protected; null where it is clear.
 */
protection: ProtectionSummary | null, 
/**
 * All of its schemes, where a sample entry has several `sinf`.
 */
schemes: Array<ProtectionSummary>, 
/**
 * Whether it can be protected, as far as its codec goes.
 */
has_rule: boolean, };

/**
 * A 16-byte identifier in the order it is printed.
 */
export type Uuid = string;

/**
 * The value of a [`BoxField`].
 */
export type Value = string;

/**
 * What is known of a key.
 */
export type Verdict = "proven" | "disproven" | "unproven";

/**
 * A manifest, and what it is to be called.
 */
export type WrittenManifest = { 
/**
 * The file's name.
 */
name: string, 
/**
 * What stands in it.
 */
text: string, };

/**
 * A WRMHEADER, as it was found.
 */
export type WrmHeader = { 
/**
 * Such as `4.0.0.0`.
 */
version: string, 
/**
 * The keys, in the order of `tenc`.
 */
kids: Array<Uuid>, 
/**
 * The keys, with all that the header says of them.
 */
keys: Array<HeaderKey>, 
/**
 * Where licences are asked for.
 */
la_url: string | null, 
/**
 * A page for people.
 */
lui_url: string | null, 
/**
 * The domain service, base64.
 */
ds_id: string | null, 
/**
 * The packager's own XML, as it stands.
 */
custom_attributes: string | null, 
/**
 * ONDEMAND where the client asks before it has a KID.
 */
decryptor_setup: string | null, 
/**
 * The whole XML.
 */
xml: string, };

// Which DRM systems this browser has, by asking it (Encrypted Media Extensions).

/** @type {[string, string, string][]} name, key system, what it means where it is missing */
const SYSTEMS = [
  ['PlayReady in hardware (SL3000)', 'com.microsoft.playready.recommendation.3000', 'Edge and Chrome on Windows have it, where the graphics card does.'],
  ['PlayReady in software (SL2000)', 'com.microsoft.playready.recommendation', 'Edge and Chrome on Windows have it.'],
  ['Widevine', 'com.widevine.alpha', 'Chrome, Edge and Firefox fetch it when a page first asks for it.'],
  ['ClearKey', 'org.w3.clearkey', 'Here files are decrypted by this page instead.'],
];
const SCHEMES = ['cenc', 'cbcs'];

/**
 * Whether a system takes H.264 in a scheme. A browser that knows no schemes takes
 * `cenc` alone.
 *
 * @param {string} system
 * @param {string} encryptionScheme
 */
async function takes(system, encryptionScheme) {
  const contentType = 'video/mp4; codecs="avc1.42E01E"';
  try {
    const access = await navigator.requestMediaKeySystemAccess(system, [{ initDataTypes: ['cenc'], videoCapabilities: [{ contentType, encryptionScheme }] }]);
    const [own] = access.getConfiguration().videoCapabilities ?? [];
    return own?.encryptionScheme === encryptionScheme || (encryptionScheme === 'cenc' && own?.encryptionScheme === undefined);
  } catch {
    return false;
  }
}

/** Every system that people ask about, and which schemes it takes here. */
export const systems = async () => Promise.all(SYSTEMS.map(async ([name, system, missing]) => {
  const can = 'requestMediaKeySystemAccess' in navigator ? await Promise.all(SCHEMES.map((scheme) => takes(system, scheme))) : [];
  const schemes = SCHEMES.filter((_, i) => can[i]);
  return { name, schemes, words: schemes.length ? `yes, ${schemes.join(' and ')}` : `no. ${missing}` };
}));

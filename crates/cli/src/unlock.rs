//! CPIX whose content keys are encrypted for its receiver (CPIX 2.3 §5): with the
//! receiver's private key, the same document with the keys in the clear.
//!
//! The private key opens the document key (RSA-OAEP, XML Encryption §5.5.2), the
//! document key each content key (AES-CBC, §5.2); `ValueMAC` tells whether one was
//! changed on its way.

use crate::host::{Stop, stop};
use aes::cipher::{BlockModeDecrypt, KeyIvInit, block_padding::NoPadding};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use ismvault::format::xml::Element;
use quick_xml::Reader;
use quick_xml::events::Event;
use rsa::pkcs1::DecodeRsaPrivateKey as _;
use rsa::pkcs8::DecodePrivateKey as _;
use rsa::{Oaep, PrivateKey};
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use zeroize::Zeroizing;

/// What only the receiver reads: `EncryptedValue`, and its `ValueMAC`.
struct Locked {
    /// The last part of the algorithm's address.
    algorithm: String,
    /// That of the digest, and of the mask's digest.
    digests: [String; 2],
    cipher: Vec<u8>,
    mac: Option<Vec<u8>>,
}

/// Whether content keys stand in it encrypted.
pub(crate) fn is_locked(text: &str) -> bool {
    text.contains("EncryptedValue")
        && Element::parse(text).is_ok_and(|root| !encrypted_keys(&root).is_empty())
}

/// The document with `PlainValue` in place of each `EncryptedValue`.
pub(crate) fn unlock(text: &str, pem: &str) -> Result<Zeroizing<String>, Stop> {
    let root = Element::parse(text).map_err(|e| stop(e.to_string()))?;
    let private = private_key(pem)?;
    let mut receivers = 0;
    let mut opened = None;
    root.walk(&mut |element| {
        if element.name == "DeliveryData" && opened.is_none() {
            receivers += 1;
            let key = inside(element, "DocumentKey").and_then(locked);
            let mac = inside(element, "MACMethod").map(|mac| unwrap(&private, &locked(mac)?));
            let key = key.and_then(|key| unwrap(&private, &key));
            opened = key.map(|key| (key, mac));
        }
    });
    let Some((key, mac)) = opened else {
        return Err(stop(match receivers {
            0 => "The keys in this CPIX are encrypted, but no DeliveryData says with which key."
                .to_owned(),
            1 => {
                "This CPIX is for another receiver: the private key does not open its document key."
                    .to_owned()
            }
            n => format!(
                "This CPIX is for {n} other receivers: the private key opens the document key of none."
            ),
        }));
    };
    // Without one, there is nothing to check by; one that stays shut is no reason not to.
    let mac = match mac {
        Some(None) => {
            return Err(stop(
                "The MAC key of this CPIX does not open with the private key, so that its content \
                 keys cannot be checked. Ask for the document again.",
            ));
        }
        mac => mac.flatten(),
    };
    let mut plain = Vec::new();
    for element in encrypted_keys(&root) {
        let locked = locked(element).ok_or_else(|| {
            stop("A content key of this CPIX has no readable CipherValue. Ask for the document again.")
        })?;
        plain.push(content_key(&locked, &key, mac.as_ref().map(|mac| mac.as_slice()))?);
    }
    replaced(text, plain)
}

fn private_key(pem: &str) -> Result<PrivateKey, Stop> {
    if pem.contains("ENCRYPTED") {
        let way = "openssl pkey -in KEY -out OPEN_KEY";
        return Err(stop(format!(
            "The private key is behind a passphrase. Take it off first: {way}."
        )));
    }
    PrivateKey::from_pkcs8_pem(pem).or_else(|_| PrivateKey::from_pkcs1_pem(pem)).map_err(|_| {
        stop("This is no RSA private key. Give one in PEM, as PKCS #8 or PKCS #1.".to_owned())
    })
}

fn inside<'a>(element: &'a Element, name: &str) -> Option<&'a Element> {
    let mut found = None;
    element.walk(&mut |e| found = found.or((e.name == name).then_some(e)));
    found
}

/// The content keys with an encrypted value, in the order of the document.
fn encrypted_keys(root: &Element) -> Vec<&Element> {
    let mut found = Vec::new();
    root.walk(&mut |element| {
        if element.name == "ContentKey" && inside(element, "EncryptedValue").is_some() {
            found.push(element);
        }
    });
    found
}

fn locked(element: &Element) -> Option<Locked> {
    let value = inside(element, "EncryptedValue")?;
    let algorithm = |name: &str| {
        let address = inside(value, name).and_then(|e| e.attribute("Algorithm"));
        address.and_then(|a| a.rsplit('#').next()).unwrap_or_default().to_owned()
    };
    let bytes = |name: &str| {
        let text: String = inside(element, name)?.text.split_whitespace().collect();
        BASE64_STANDARD.decode(text).ok()
    };
    Some(Locked {
        algorithm: algorithm("EncryptionMethod"),
        digests: [algorithm("DigestMethod"), algorithm("MGF")],
        cipher: bytes("CipherValue")?,
        mac: bytes("ValueMAC"),
    })
}

/// RSA-OAEP; SHA-1 unless it names others.
fn unwrap(private: &PrivateKey, locked: &Locked) -> Option<Zeroizing<Vec<u8>>> {
    let [digest, mask] = locked.digests.each_ref().map(|name| name.to_ascii_lowercase());
    let opened = match (digest.as_str(), mask.as_str()) {
        ("sha256", "mgf1sha256") => private.decrypt(Oaep::<Sha256>::new(), &locked.cipher),
        ("sha256", _) => private.decrypt(Oaep::<Sha256, Sha1>::new_with_mgf_hash(), &locked.cipher),
        ("sha512", "mgf1sha512") => private.decrypt(Oaep::<Sha512>::new(), &locked.cipher),
        ("sha512", _) => private.decrypt(Oaep::<Sha512, Sha1>::new_with_mgf_hash(), &locked.cipher),
        _ => private.decrypt(Oaep::<Sha1>::new(), &locked.cipher),
    };
    opened.ok().map(Zeroizing::new)
}

/// AES-CBC, in place; false where the key, the IV or the length is none.
fn decrypt<C: KeyIvInit + BlockModeDecrypt>(key: &[u8], iv: &[u8], bytes: &mut [u8]) -> bool {
    C::new_from_slices(key, iv).is_ok_and(|c| c.decrypt_padded::<NoPadding>(bytes).is_ok())
}

/// A content key, in base64.
fn content_key(locked: &Locked, key: &[u8], mac: Option<&[u8]>) -> Result<Zeroizing<String>, Stop> {
    if let (Some(mac), Some(told)) = (mac, &locked.mac) {
        let right = Hmac::<Sha512>::new_from_slice(mac)
            .is_ok_and(|mac| mac.chain_update(&locked.cipher).verify_slice(told).is_ok());
        if !right {
            return Err(stop("A content key of this CPIX is not as its sender wrote it: its ValueMAC does not fit. Ask for the document again.".to_owned()));
        }
    }
    let other = || {
        stop(format!(
            "A content key of this CPIX is encrypted by {}, not by AES-CBC. Ask for aes256-cbc, or for PlainValue.",
            if locked.algorithm.is_empty() { "a way it does not name" } else { &locked.algorithm },
        ))
    };
    if !locked.algorithm.ends_with("-cbc") {
        return Err(other());
    }
    let (iv, body) = locked.cipher.split_at(locked.cipher.len().min(16));
    let mut bytes = Zeroizing::new(body.to_vec());
    let done = match key.len() {
        16 => decrypt::<cbc::Decryptor<aes::Aes128>>(key, iv, &mut bytes),
        24 => decrypt::<cbc::Decryptor<aes::Aes192>>(key, iv, &mut bytes),
        32 => decrypt::<cbc::Decryptor<aes::Aes256>>(key, iv, &mut bytes),
        _ => false,
    };
    // XML Encryption §5.2: the last byte counts the padding, the others are free.
    let padding = usize::from(bytes.last().copied().unwrap_or_default());
    match bytes.len().checked_sub(padding) {
        Some(16) if done && (1..=16).contains(&padding) => {
            Ok(Zeroizing::new(BASE64_STANDARD.encode(&bytes[..16])))
        }
        _ => Err(stop("A content key of this CPIX is not 16 bytes once it is decrypted: the document is damaged, or its document key another one's.".to_owned())),
    }
}

/// Puts plain values where content keys have encrypted ones, one each; the rest as
/// it is.
fn replaced(text: &str, plain: Vec<Zeroizing<String>>) -> Result<Zeroizing<String>, Stop> {
    let several = || {
        stop(
            "A content key of this CPIX has several encrypted values, so that it is not known which is its own. Ask for one each.",
        )
    };
    let mut plain = plain.into_iter();
    let mut out = Zeroizing::new(String::with_capacity(2 * text.len()));
    let mut reader = Reader::from_str(text);
    let (mut copied, mut in_key, mut begun) = (0, false, None);
    loop {
        let at = reader.buffer_position() as usize;
        let event =
            reader.read_event().map_err(|e| stop(format!("This is not well-formed XML: {e}.")))?;
        let local =
            |name: &[u8], want: &str| name.rsplit(|b| *b == b':').next() == Some(want.as_bytes());
        match &event {
            Event::Start(tag) if local(tag.name().as_ref().as_bytes(), "ContentKey") => {
                in_key = true
            }
            Event::End(tag) if local(tag.name().as_ref().as_bytes(), "ContentKey") => {
                in_key = false
            }
            Event::Start(tag)
                if in_key && local(tag.name().as_ref().as_bytes(), "EncryptedValue") =>
            {
                begun = Some(at);
            }
            Event::End(tag) if local(tag.name().as_ref().as_bytes(), "EncryptedValue") => {
                if let Some(begun) = begun.take() {
                    let value = plain.next().ok_or_else(several)?;
                    out.push_str(&text[copied..begun]);
                    out.push_str("<PlainValue>");
                    out.push_str(&value);
                    out.push_str("</PlainValue>");
                    copied = reader.buffer_position() as usize;
                }
            }
            Event::Eof => break,
            _ => {}
        }
    }
    if plain.next().is_some() {
        return Err(several());
    }
    out.push_str(&text[copied..]);
    Ok(out)
}

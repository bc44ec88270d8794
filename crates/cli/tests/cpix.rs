//! CPIX whose keys are encrypted for their receiver, as OpenSSL encrypts them.
#![allow(clippy::unwrap_used)]

use base64::prelude::{BASE64_STANDARD, Engine as _};
use ismvault_testkit::{KEY, KID, cli, decrypted, fixture, fixture_path, samples, scratch, text};
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const DOCUMENT_KEY: &str = "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4";
const MAC_KEY: &[u8] = b"0123456789abcdef0123456789abcdef";
const IV: &str = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff";

/// What OpenSSL answers to some input.
fn openssl(folder: &Path, args: &[&str], input: &[u8]) -> Vec<u8> {
    let mut command = Command::new("openssl");
    command.args(args).current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "openssl {args:?}");
    output.stdout
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

/// An `EncryptedValue`: its algorithm, what tells more of it, its bytes.
fn value(algorithm: &str, digests: &str, cipher: &[u8]) -> String {
    format!(
        "<pskc:EncryptedValue><xenc:EncryptionMethod Algorithm=\"{algorithm}\">{digests}</xenc:EncryptionMethod>\
         <xenc:CipherData><xenc:CipherValue>\n{}\n</xenc:CipherValue></xenc:CipherData></pskc:EncryptedValue>",
        BASE64_STANDARD.encode(cipher),
    )
}

/// For the owner of `key.pem`: the fixture's key, encrypted. `oaep` is what
/// OpenSSL is told of it.
fn document(folder: &Path, oaep: &[&str], digests: &str) -> String {
    let public = ["pkeyutl", "-encrypt", "-inkey", "key.pem", "-pkeyopt", "rsa_padding_mode:oaep"];
    let wrap = |key: &[u8]| {
        let args = [&public[..], oaep].concat();
        let rsa = "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p";
        value(rsa, digests, &openssl(folder, &args, key))
    };
    let cbc = ["enc", "-aes-256-cbc", "-K", DOCUMENT_KEY, "-iv", IV];
    let content = [bytes(IV), openssl(folder, &cbc, &bytes(KEY))].concat();
    let key = format!("hexkey:{}", MAC_KEY.iter().map(|b| format!("{b:02x}")).collect::<String>());
    let hmac = ["dgst", "-sha512", "-mac", "HMAC", "-macopt", &key, "-binary"];
    let mac = BASE64_STANDARD.encode(openssl(folder, &hmac, &content));
    let aes = value("http://www.w3.org/2001/04/xmlenc#aes256-cbc", "", &content);
    format!(
        "<?xml version=\"1.0\"?>\n<cpix:CPIX xmlns:cpix=\"urn:dashif:org:cpix\">\
         <cpix:DeliveryDataList><cpix:DeliveryData><cpix:DeliveryKey/>\
         <cpix:DocumentKey Algorithm=\"http://www.w3.org/2001/04/xmlenc#aes256-cbc\"><cpix:Data><pskc:Secret>{}</pskc:Secret></cpix:Data></cpix:DocumentKey>\
         <cpix:MACMethod Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#hmac-sha512\"><cpix:Key>{}</cpix:Key></cpix:MACMethod>\
         </cpix:DeliveryData></cpix:DeliveryDataList><cpix:ContentKeyList><cpix:ContentKey kid=\"{KID}\">\
         <cpix:Data><pskc:Secret>{aes}<pskc:ValueMAC>{mac}</pskc:ValueMAC></pskc:Secret></cpix:Data></cpix:ContentKey></cpix:ContentKeyList>\
         <cpix:ContentKeyUsageRuleList><cpix:ContentKeyUsageRule kid=\"{KID}\" intendedTrackType=\"VIDEO\"/></cpix:ContentKeyUsageRuleList></cpix:CPIX>",
        wrap(&bytes(DOCUMENT_KEY)),
        wrap(MAC_KEY),
    )
}

fn said(output: &Output) -> String {
    text(&output.stdout) + &text(&output.stderr)
}

#[test]
fn keys_encrypted_for_their_receiver_are_opened_by_its_private_key() {
    let folder = scratch();
    let folder = {
        let p = folder.keep();
        println!("{}", p.display());
        struct P(std::path::PathBuf);
        impl P {
            fn path(&self) -> &Path {
                &self.0
            }
        }
        P(p)
    };
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    openssl(folder.path(), &["genrsa", "-out", "key.pem", "2048"], b"");
    openssl(folder.path(), &["genrsa", "-traditional", "-out", "other.pem", "2048"], b"");
    openssl(folder.path(), &["rsa", "-in", "key.pem", "-traditional", "-out", "old.pem"], b"");
    openssl(
        folder.path(),
        &["pkey", "-in", "key.pem", "-aes256", "-passout", "pass:a", "-out", "behind.pem"],
        b"",
    );
    let sha256 = "<ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/>\
                  <xenc11:MGF Algorithm=\"http://www.w3.org/2009/xmlenc11#mgf1sha256\"/>";
    let two = ["-pkeyopt", "rsa_oaep_md:sha256", "-pkeyopt", "rsa_mgf1_md:sha256"];
    let mixed = ["-pkeyopt", "rsa_oaep_md:sha256", "-pkeyopt", "rsa_mgf1_md:sha1"];
    let alone = "<ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/>";
    let clear = fixture_path("bframes.ismv");
    let clear = clear.to_str().unwrap();
    for (oaep, digests, pem) in
        [(&[][..], "", "key.pem"), (&two, sha256, "old.pem"), (&mixed, alone, "key.pem")]
    {
        let cpix = document(folder.path(), oaep, digests);
        fs::write(path("keys.xml"), &cpix).unwrap();
        let out = path("out.mp4");
        let (keys, pem) = (path("keys.xml"), path(pem));
        let done =
            cli(&["protect", clear, "-o", &out, "--force", "--keys", &keys, "--private-key", &pem]);
        assert!(done.status.success(), "{}", said(&done));
        // By the key itself, which the document never shows.
        let opened = decrypted(&fs::read(&out).unwrap(), KEY);
        assert_eq!(samples(&opened, 1), samples(&fixture("bframes.ismv"), 1));
        let text = format!("@{keys}");
        let tried = cli(&["key", &out, "--try", &text, "--private-key", &pem]);
        assert!(tried.status.success(), "{}", said(&tried));
        let again = path("again.mp4");
        let done =
            cli(&["decrypt", &out, "-o", &again, "--force", "--key", &text, "--private-key", &pem]);
        assert!(done.status.success(), "{}", said(&done));
        for output in [done, tried] {
            assert!(!said(&output).contains(&KEY[..20]), "{}", said(&output));
        }
    }
    let cpix = document(folder.path(), &[], "");
    let changed = cpix.replace("<pskc:ValueMAC>", "<pskc:ValueMAC>AAAA");
    // Another key behind a value that cannot be read must not become that one's key.
    let (begun, end) = (cpix.find("<cpix:ContentKey ").unwrap(), "</cpix:ContentKey>");
    let own = &cpix[begun..cpix.find(end).unwrap() + end.len()];
    let kid = "11111111-2222-3333-4444-555555555555";
    let first = own.replace(KID, kid);
    let at = first.find("CipherValue>\n").unwrap();
    let unread = first[..at].to_owned() + "CipherValue>?" + &first[at + "CipherValue>\n".len()..];
    let shifted = cpix.replace(own, &(unread + own));
    let value_at = own.find("<pskc:EncryptedValue>").unwrap();
    let value = &own[value_at..own.find("<pskc:ValueMAC>").unwrap()];
    let twice = cpix.replace(own, &own.replace(value, &value.repeat(2)));
    let gcm = cpix.replace("aes256-cbc\"></", "aes256-gcm\"></");
    for (text, pem, sentence) in [
        (&cpix, None, "Give the receiver's private key with --private-key FILE"),
        (&cpix, Some("other.pem"), "is for another receiver"),
        (&cpix, Some("behind.pem"), "behind a passphrase"),
        (&cpix, Some("keys.xml"), "no RSA private key"),
        (&changed, Some("key.pem"), "ValueMAC does not fit"),
        (&shifted, Some("key.pem"), "no readable CipherValue"),
        (&twice, Some("key.pem"), "several encrypted values"),
        (&gcm, Some("key.pem"), "encrypted by aes256-gcm, not by AES-CBC"),
    ] {
        fs::write(path("keys.xml"), text).unwrap();
        let (out, keys) = (path("never.mp4"), path("keys.xml"));
        let pem = pem.map(path);
        let mut args = vec!["protect", clear, "-o", &out, "--keys", &keys];
        args.extend(pem.iter().flat_map(|pem| ["--private-key", pem.as_str()]));
        let refused = cli(&args);
        assert!(
            !refused.status.success() && said(&refused).contains(sentence),
            "{sentence}: {}",
            said(&refused)
        );
        assert!(!Path::new(&out).exists());
    }
}

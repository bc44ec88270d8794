//! The page that may connect, against servers of all tempers on this machine.
//!
//! Runs where `cargo xtask test` serves the page (`ISMVAULT_SITE`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod page;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ismvault_testkit::{KEY, KID, decrypted, fixture, inspect, options, protect, samples, text};
use page::{Page, in_browser};
use serde_json::{Value, json};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What a server was asked, and how many bytes of the file it sent.
#[derive(Default)]
struct Log {
    asked: Vec<String>,
    sent: usize,
    answers: usize,
}

/// A server of one file. What it does is in the path: `/open/` is as it should be.
struct Server {
    address: String,
    log: Arc<Mutex<Log>>,
}

impl Server {
    fn of(file: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let log = Arc::new(Mutex::new(Log::default()));
        let (file, own) = (Arc::new(file), Arc::clone(&log));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (file, log) = (Arc::clone(&file), Arc::clone(&own));
                std::thread::spawn(move || drop(answer(stream, &file, &log)));
            }
        });
        Self { address, log }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }
}

fn answer(mut stream: TcpStream, file: &[u8], log: &Mutex<Log>) -> std::io::Result<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte)? == 1 {
        head.push(byte[0]);
    }
    let head = text(&head).to_owned();
    let mut words = head.split_whitespace();
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let value = |name: &str| {
        let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let length: usize = value("content-length:").and_then(|n| n.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    let count = {
        let mut log = log.lock().unwrap();
        log.asked.push(format!("{method} {path} {}", text(&body)));
        log.answers += 1;
        log.answers
    };
    let range = value("range:").filter(|_| !path.starts_with("/whole/")).and_then(|range| {
        let (from, to) = range.strip_prefix("bytes=")?.split_once('-')?;
        Some((from.parse::<usize>().ok()?, to.parse::<usize>().ok()?.min(file.len() - 1)))
    });
    let mut fields = vec!["Connection: close".to_owned()];
    if !path.starts_with("/closed/") {
        fields.extend(
            ["Allow-Origin: *", "Allow-Methods: GET, HEAD, POST", "Allow-Headers: *"]
                .map(|field| format!("Access-Control-{field}")),
        );
    }
    if path.starts_with("/open/") || path.starts_with("/hop/") {
        fields.push("Access-Control-Expose-Headers: Content-Range, ETag".to_owned());
    }
    let stamp = if path.starts_with("/changing/") { count } else { 1 };
    fields.push(format!("Last-Modified: Sat, 28 Nov 2026 00:00:{stamp:02} GMT"));
    let (status, sent) = match (method, path.split('/').nth(1).unwrap_or_default()) {
        ("OPTIONS", _) => ("204 No Content", Vec::new()),
        // The page asks for a byte, to learn how many there are; the worker for more.
        (_, "hop") if range != Some((0, 0)) => {
            let to = path.split_once("?to=").map_or("/", |(_, to)| to);
            fields.push(format!("Location: {to}"));
            ("302 Found", Vec::new())
        }
        (_, "refusing") => ("403 Forbidden", b"<Error/>".to_vec()),
        (_, "sign-in") => {
            fields.push("Content-Type: text/html; charset=utf-8".to_owned());
            ("200 OK", b"<html>Sign in</html>".to_vec())
        }
        ("POST", "licence") => {
            let number = |text: &str| {
                let bytes: Vec<u8> = (0..16)
                    .map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap())
                    .collect();
                BASE64_URL_SAFE_NO_PAD.encode(bytes)
            };
            let keys = json!({ "keys": [{ "kty": "oct", "kid": number(&KID.replace('-', "")), "k": number(KEY) }], "type": "temporary" });
            ("200 OK", keys.to_string().into_bytes())
        }
        ("POST", "no-licence") => (
            "500 Internal Server Error",
            b"<soap:Fault><StatusCode>0x8004B804</StatusCode></soap:Fault>".to_vec(),
        ),
        _ => match range {
            Some((from, to)) => {
                fields.push(format!("Content-Range: bytes {from}-{to}/{}", file.len()));
                ("206 Partial Content", file[from..=to].to_vec())
            }
            None => ("200 OK", file.to_vec()),
        },
    };
    let sent = if method == "HEAD" {
        fields.push(format!("Content-Length: {}", file.len()));
        Vec::new()
    } else {
        fields.push(format!("Content-Length: {}", sent.len()));
        sent
    };
    log.lock().unwrap().sent += sent.len();
    let head = format!("HTTP/1.1 {status}\r\n{}\r\n\r\n", fields.join("\r\n"));
    stream.write_all(head.as_bytes())?;
    stream.write_all(&sent)
}

/// The page that may connect, anew.
async fn open(page: &Page) {
    let site = std::env::var("ISMVAULT_SITE").unwrap();
    page.client.goto("about:blank").await.unwrap();
    page.client.goto(&format!("{}/remote.html", site.trim_end_matches('/'))).await.unwrap();
    page.find("#remote-url").await;
}

/// Names a file there, and connects.
async fn name(page: &Page, url: &str) {
    page.script("document.querySelector('#remote-url').value = ''").await;
    page.write("#remote-url", url).await;
    page.click("#remote form button.primary").await;
}

#[test]
#[ignore = "needs the page served: cargo xtask test"]
fn a_file_on_a_server_is_looked_at_by_parts_then_fetched_and_protected() {
    in_browser(|page| async move {
        let small = fixture("h264_aac.ismv");
        // A large free box before the fragments: what nobody asks for is not fetched.
        let first = inspect(&small).fragments[0].span.at as usize;
        let mut file = small[..first].to_vec();
        file.extend_from_slice(&(4_000_000_u32).to_be_bytes());
        file.extend_from_slice(b"free");
        file.resize(first + 4_000_000, 0);
        file.extend_from_slice(&small[first..]);
        let server = Server::of(file.clone());
        let other = Server::of(Vec::new());
        open(&page).await;
        name(&page, &server.url("/open/title.ismv?sig=secret")).await;
        page.wait_for_text("#verdict", "Clear.").await;
        page.wait_for_text("#privacy", "and to no other server").await;
        assert_eq!(page.text("#name").await, "title.ismv");
        let sent = server.log.lock().unwrap().sent;
        assert!(sent < file.len() / 4, "{sent} bytes of {}", file.len());
        // Its boxes and samples are there; the address, and what is in it, is nowhere.
        page.click("#tab-samples").await;
        page.wait_for_text("#samples .results", "Track 1").await;
        let kept = page
            .script("return [location.href, JSON.stringify(localStorage), document.title].join()")
            .await;
        assert!(!kept.as_str().unwrap().contains("secret"), "{kept}");
        // Nothing else may be connected to: not by the page, not by its workers.
        let blocked = page
            .client
            .execute_async(
                "const [url, done] = arguments;
                 fetch(url).then(() => done('sent'), () => done('blocked'))",
                vec![json!(other.url("/open/"))],
            )
            .await
            .unwrap();
        assert_eq!(blocked, "blocked");
        assert!(other.log.lock().unwrap().asked.is_empty());
        // The worker, which reads, is sent on to another server, and does not go there.
        page.find("#remote:not([open])").await;
        page.click("#remote summary").await;
        name(&page, &server.url(&format!("/hop/a.ismv?to={}", other.url("/open/a.ismv")))).await;
        page.wait_for_text("#verdict", "sends this page on to another host").await;
        assert!(other.log.lock().unwrap().asked.is_empty());
        // Another server is refused in words; what is fetched whole is like any file.
        page.find("#remote:not([open])").await;
        page.click("#remote summary").await;
        name(&page, &other.url("/open/else.ismv")).await;
        page.wait_for_text("#remote .results", "only. For ").await;
        assert!(other.log.lock().unwrap().asked.is_empty());
        page.click("#files li:first-child button").await;
        page.wait_for_text("#verdict", "Clear.").await;
        page.click("#tab-overview").await;
        page.find("#protect[hidden]").await;
        page.click("#server form button").await;
        page.wait_for_text("#made", "not saved yet").await;
        page.without_picker().await;
        page.give_key().await;
        page.protect().await;
        page.wait_for_text("#protect", "Protected.").await;
        let out = fs::read(page.download().await).unwrap();
        assert_eq!(samples(&decrypted(&out, KEY), 1), samples(&small, 1));
        page.forgive_errors().await; // that connections are blocked
    });
}

#[test]
#[ignore = "needs the page served: cargo xtask test"]
fn servers_of_every_temper_get_a_sentence() {
    in_browser(|page| async move {
        let server = Server::of(fixture("audio_only.isma"));
        let said = "#remote .results";
        open(&page).await;
        for (wrong, words) in [
            ("title.ismv", "is no address"),
            ("ftp://a.example/b", "must begin with https://"),
            ("http://a.example/b.ismv", "must begin with https://"),
            ("https://me:secret@a.example/b.ismv", "a name or a password"),
        ] {
            name(&page, wrong).await;
            page.wait_for_text(said, words).await;
        }
        for (path, words) in [
            ("/closed/a.isma", "does not let this page read the file (CORS)"),
            ("/refusing/a.isma?sig=x", "refuses the file (403)"),
            ("/sign-in/a.isma", "answers with a web page"),
        ] {
            name(&page, &server.url(path)).await;
            page.wait_for_text(said, words).await;
            let told = page.text(said).await;
            assert!(!told.contains("sig=x"), "{told}");
        }
        name(&page, &server.url("/closed/a.isma")).await;
        page.wait_for_text(said, "let this page read from it").await;
        let settings =
            page.script("return document.querySelector('#remote .results').textContent").await;
        let settings = settings.as_str().unwrap();
        let origin = page.script("return location.origin").await;
        assert!(
            settings.contains("az storage cors add") && settings.contains(origin.as_str().unwrap())
        );
        // One that has no ranges sends all of it, when it is asked to.
        name(&page, &server.url("/whole/whole.isma")).await;
        page.wait_for_text(said, "does not take ranges").await;
        page.click("#remote .results button").await;
        page.wait_for_text("#name", "whole.isma").await;
        page.wait_for_text("#verdict", "Clear.").await;
        // And a file that changes while it is read is not two halves.
        page.find("#remote:not([open])").await;
        page.click("#remote summary").await;
        name(&page, &server.url("/changing/b.isma")).await;
        page.wait_for_text("#verdict", "was changed while it was read").await;
        page.forgive_errors().await; // of the console's own, for every refusal
    });
}

#[test]
#[ignore = "needs the page served: cargo xtask test"]
fn a_licence_is_asked_for_and_plays() {
    in_browser(|page| async move {
        let file = protect(&fixture("h264_aac.ismv"), &options("dual")).unwrap();
        let server = Server::of(file);
        open(&page).await;
        page.write("#remote-licence", server.url("/no-licence")).await;
        name(&page, &server.url("/open/a.mp4")).await;
        page.wait_for_text("#verdict", "Protected: PlayReady").await;
        page.click("#tab-play").await;
        let ask = "#play form:has(#licence-url) button";
        page.click(ask).await;
        // A refusal is told with what the server says.
        page.wait_for_text("#play .results", "the server refuses (500)").await;
        page.wait_for_text("#play .results", "0x8004B804").await;
        page.script("document.querySelector('#licence-url').value = ''").await;
        page.write("#licence-url", server.url("/licence")).await;
        page.click(ask).await;
        page.wait_for_text("#play .results", "keys: usable").await;
        page.wait_for_text("#play .results", "It plays: 192 × 108.").await;
        let asked = server.log.lock().unwrap().asked.join("\n");
        assert!(asked.contains("POST /licence {\"kids\":["), "{asked}");
        page.forgive_errors().await; // that one was refused
    });
}

#[test]
#[ignore = "needs the page served: cargo xtask test"]
fn another_page_may_propose_a_file_and_a_person_decides() {
    in_browser(|page| async move {
        let server = Server::of(fixture("audio_only.isma"));
        open(&page).await;
        let propose = |url: String| {
            let data = json!({ "ismvault": "open", "url": url });
            format!(
                "dispatchEvent(new MessageEvent('message', {{ data: {data}, origin: 'https://portal.example' }}))"
            )
        };
        page.script(&propose("javascript:alert(1)".to_owned())).await;
        page.wait_for_text("#remote .results", "must begin with https://").await;
        page.script(&propose(server.url("/open/c.isma?sig=secret"))).await;
        page.wait_for_text("#remote .results", "https://portal.example asks to open c.isma from")
            .await;
        assert!(server.log.lock().unwrap().asked.is_empty());
        // Who types meanwhile does not agree by a key that was meant for something else.
        let focused = page.script("return document.activeElement.id").await;
        assert_eq!(focused, Value::from("remote-url"));
        page.click("#remote .results button.primary").await;
        page.wait_for_text("#verdict", "Clear.").await;
    });
}

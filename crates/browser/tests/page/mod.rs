//! The page in a browser of a test's own, and a person's hands.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod engine;

use engine::Driver;
pub use engine::Engine;
use fantoccini::actions::{InputSource as _, KeyAction, KeyActions};
use fantoccini::elements::Element;
use fantoccini::error::CmdError;
use fantoccini::key::Key;
use fantoccini::wd::{TimeoutConfiguration, WebDriverCompatibleCommand};
use fantoccini::{Client, Locator};
use ismvault_testkit::{KEY, KID};
use serde_json::{Value, json};
use std::cell::Cell;
use std::fs;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A page in a browser of its own, and the folder it downloads to.
pub struct Page {
    pub client: Client,
    pub folder: TempDir,
    driver: Rc<Driver>,
    /// Errors in the console that a test wanted.
    forgiven: Rc<Cell<usize>>,
}

/// Opens the page and hands it to a test; afterwards the console must be clean.
pub fn in_browser<F: Future<Output = ()> + 'static>(test: impl FnOnce(Page) -> F) {
    let site = std::env::var("ISMVAULT_SITE").expect("cargo xtask test serves the page");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let driver = Rc::new(Driver::start(Engine::wanted(), folder.path()));
        let client = driver.browser(folder.path()).await;
        let script = Some(Duration::from_secs(60));
        client.update_timeouts(TimeoutConfiguration::new(script, None, None)).await.unwrap();
        if driver.engine != Engine::Chromium {
            let (width, height) = driver.engine.window();
            client.set_window_size(width, height).await.unwrap();
        }
        client.goto(&site).await.unwrap();
        client
            .wait()
            .for_element(Locator::Css("html[data-ready]"))
            .await
            .expect("the page is ready");
        // A test that fails must not leave its browser behind.
        let running = tokio::task::LocalSet::new();
        let forgiven = Rc::new(Cell::new(0));
        let page = Page {
            client: client.clone(),
            folder,
            driver: Rc::clone(&driver),
            forgiven: Rc::clone(&forgiven),
        };
        let ended = running.run_until(async { tokio::task::spawn_local(test(page)).await }).await;
        if let Err(failed) = ended {
            client.close().await.unwrap();
            std::panic::resume_unwind(failed.into_panic());
        }
        let errors = driver.errors(&client).await;
        client.close().await.unwrap();
        let errors = errors.get(forgiven.get()..).unwrap_or_default();
        assert!(errors.is_empty(), "the console has errors: {errors:?}");
    });
}

/// A command of the browser's own protocol.
#[derive(Debug)]
pub struct Chromium(pub &'static str, pub Value);

impl WebDriverCompatibleCommand for Chromium {
    fn endpoint(
        &self,
        base: &url::Url,
        session: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(json!({ "cmd": self.0, "params": self.1 }).to_string()))
    }
}

impl Page {
    pub fn engine(&self) -> Engine {
        self.driver.engine
    }

    /// What the console has by now was wanted.
    pub async fn forgive_errors(&self) {
        let told = self.driver.errors(&self.client).await.len();
        if self.engine() != Engine::Chromium {
            self.forgiven.set(told);
        }
    }

    pub async fn find(&self, css: &str) -> Element {
        let wait = self.client.wait().at_most(Duration::from_secs(60));
        match wait.for_element(Locator::Css(css)).await {
            Ok(element) => element,
            Err(error) => {
                let says = self.script("return document.body.innerText.slice(0, 1500)").await;
                panic!("{css}: {error}; the page says: {says}");
            }
        }
    }

    /// Clicks what is there by then: a panel may be drawn anew between
    /// finding its button and pressing it, and a person would press again.
    pub async fn click(&self, css: &str) {
        let script =
            format!("document.querySelector({css:?})?.scrollIntoView({{ block: 'nearest' }})");
        self.insist(css, |element| {
            let (client, script) = (self.client.clone(), script.clone());
            async move {
                client.execute(&script, Vec::new()).await?;
                element.click().await
            }
        })
        .await;
    }

    /// Gives files to an input for them.
    pub async fn give_files(&self, css: &str, files: &[PathBuf]) {
        let list: Vec<&str> = files.iter().map(|path| path.to_str().unwrap()).collect();
        let list = list.join("\n");
        self.insist(css, |element| {
            let list = list.clone();
            async move { element.send_keys(&list).await }
        })
        .await;
    }

    /// Types into a field.
    pub async fn write(&self, css: &str, words: impl AsRef<str>) {
        // To a keyboard the end of a line is a key.
        let words = words.as_ref().replace('\n', "\u{e006}");
        let words = words.as_str();
        self.insist(css, |element| async move { element.send_keys(words).await }).await;
    }

    /// Chooses from a list.
    pub async fn select(&self, css: &str, value: &str) {
        self.find(css).await;
        self.script(&format!(
            "const list = document.querySelector({css:?});
             list.value = {value:?};
             for (const type of ['input', 'change']) list.dispatchEvent(new Event(type, {{ bubbles: true }}));"
        ))
        .await;
    }

    pub async fn text(&self, css: &str) -> String {
        self.insist(css, |element| async move { element.text().await }).await
    }

    /// Does something to an element, again where it was replaced meanwhile.
    async fn insist<T, F, D>(&self, css: &str, act: F) -> T
    where
        F: Fn(Element) -> D,
        D: Future<Output = Result<T, CmdError>>,
    {
        let patience = Instant::now() + Duration::from_secs(20);
        loop {
            let error = match act(self.find(css).await).await {
                Ok(done) => return done,
                Err(error) => error,
            };
            let again = error.is_stale_element_reference() || error.is_element_not_interactable();
            assert!(again && Instant::now() < patience, "{css}: {error}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub async fn wait_for_text(&self, css: &str, words: &str) {
        for _ in 0..600 {
            let text = self
                .script(&format!("return document.querySelector({css:?})?.innerText ?? ''"))
                .await;
            if text.as_str().unwrap().contains(words) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let says = self.script(&format!("return document.querySelector({css:?})?.innerText")).await;
        panic!("\"{words}\" never comes into {css}, which says: {says}");
    }

    pub async fn script(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap()
    }

    /// As in Firefox and Safari: no picker, so output goes to storage.
    pub async fn without_picker(&self) {
        self.script("delete window.showSaveFilePicker").await;
    }

    pub async fn choose(&self, file: &Path) {
        self.script("document.getElementById('picker').hidden = false").await;
        self.give_files("#picker", &[file.to_owned()]).await;
    }

    /// Drops a file on the page: a real one, through an input that is not the page's.
    pub async fn drop_file(&self, file: &Path) {
        self.script("const i = document.createElement('input'); i.type = 'file'; i.id = 'hand'; document.body.append(i)").await;
        self.give_files("#hand", &[file.to_owned()]).await;
        self.script(
            "const hand = document.getElementById('hand'), dataTransfer = new DataTransfer();
             dataTransfer.items.add(hand.files[0]);
             hand.remove();
             const drag = (type) => document.body.dispatchEvent(
               new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true }));
             drag('dragenter');
             if (document.getElementById('overlay').hidden) throw new Error('no overlay');
             drag('dragover');
             drag('drop');",
        )
        .await;
    }

    pub async fn give_key(&self) {
        self.click("input[value=key]").await;
        self.write("#protect [name=kid]", KID).await;
        self.write("#protect [name=key]", KEY).await;
    }

    /// Presses the button once the preview says what will be written.
    pub async fn protect(&self) {
        self.find("#protect .preview li").await;
        self.click("#protect form button.primary:not(:disabled)").await;
    }

    /// Clicks the download link, and gives the file once it is there.
    pub async fn download(&self) -> PathBuf {
        self.click("#protect a.primary").await;
        let name = self.find("#protect a.primary").await.attr("download").await.unwrap().unwrap();
        self.downloaded(&name).await
    }

    /// Waits for a file to be there, whole.
    pub async fn downloaded(&self, name: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        let mut last = None;
        let patience = Instant::now() + Duration::from_secs(60);
        while Instant::now() < patience {
            let whole = match self.engine().partial() {
                Some(partial) => !fs::read_dir(self.folder.path())
                    .unwrap()
                    .any(|entry| entry.unwrap().path().extension().is_some_and(|e| e == partial)),
                // Its size stands.
                None => {
                    let size = fs::metadata(&path).ok().map(|meta| meta.len());
                    std::mem::replace(&mut last, size) == size && size != Some(0)
                }
            };
            if whole && path.exists() {
                return path;
            }
            tokio::time::sleep(Duration::from_millis(if last.is_some() { 300 } else { 50 })).await;
        }
        panic!("{} never comes", path.display());
    }

    /// Closes this tab, and goes on in one at another address of this origin.
    pub async fn close_beside(&self, name: &str) {
        let site = std::env::var("ISMVAULT_SITE").expect("cargo xtask test serves the page");
        let here = self.client.window().await.unwrap();
        let beside = self.client.new_window(true).await.unwrap().handle;
        self.client.switch_to_window(beside.clone()).await.unwrap();
        self.client.goto(&format!("{site}/{name}")).await.unwrap();
        self.client.switch_to_window(here).await.unwrap();
        self.client.close_window().await.unwrap();
        self.client.switch_to_window(beside).await.unwrap();
    }

    /// Names in this origin's storage.
    pub async fn stored(&self) -> Value {
        self.client
            .execute_async(
                "const done = arguments[0];
                 (async () => {
                   const names = [];
                   try {
                     const root = await navigator.storage.getDirectory();
                     const folder = await root.getDirectoryHandle('ismvault-outputs');
                     for await (const name of folder.keys()) names.push(name);
                   } catch {}
                   return names;
                 })().then(done)",
                Vec::new(),
            )
            .await
            .unwrap()
    }

    pub async fn press(&self, key: Key) {
        let keys = KeyActions::new("keyboard".into())
            .then(KeyAction::Down { value: key.into() })
            .then(KeyAction::Up { value: key.into() });
        self.client.perform_actions(keys).await.unwrap();
    }

    /// Tabs until something with these words has the focus.
    pub async fn tab_to(&self, words: &str) {
        let has = format!("(e.innerText || e.ariaLabel || e.name || '').includes({words:?})");
        self.tab_until(&has).await;
    }

    /// Tabs until this element has the focus.
    pub async fn tab_to_element(&self, css: &str) {
        self.tab_until(&format!("e.matches({css:?})")).await;
    }

    async fn tab_until(&self, condition: &str) {
        for _ in 0..60 {
            self.press(Key::Tab).await;
            let there = format!("const e = document.activeElement; return {condition}");
            if self.script(&there).await == Value::Bool(true) {
                return;
            }
        }
        panic!("the keyboard never gets to where {condition}");
    }
}

impl Page {
    /// Puts files into folders of this origin's storage, and offers a folder
    /// whenever the page asks for one, in this order. The dialogs alone are
    /// replaced: handles and streams are real.
    pub async fn offer_folders(&self, folders: &[&str]) {
        self.script(&format!(
            "const names = {}; let next = 0;
             window.showDirectoryPicker = async () => {{
               const root = await navigator.storage.getDirectory();
               return root.getDirectoryHandle(names[next++ % names.length], {{ create: true }});
             }};",
            json!(folders)
        ))
        .await;
    }

    /// Puts a real file into a folder of this origin's storage.
    pub async fn put(&self, folder: &str, name: &str, file: &Path) {
        use base64::Engine as _;
        let base64 = base64::engine::general_purpose::STANDARD.encode(fs::read(file).unwrap());
        let script = "const [folder, name, base64, done] = arguments;
             (async () => {
               const root = await navigator.storage.getDirectory();
               let to = root;
               for (const part of folder.split('/')) to = await to.getDirectoryHandle(part, { create: true });
               const writable = await (await to.getFileHandle(name, { create: true })).createWritable();
               await writable.write(Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)));
               await writable.close();
             })().then(() => done(null), (e) => done(String(e)))";
        let args = vec![json!(folder), json!(name), json!(base64)];
        let answer = self.client.execute_async(script, args).await.unwrap();
        assert!(answer.is_null(), "{answer}");
    }

    /// The names in a folder of this origin's storage, and a file's bytes.
    pub async fn get(&self, folder: &str, name: &str) -> Vec<u8> {
        use base64::Engine as _;
        let script = "const [folder, name, done] = arguments;
             (async () => {
               const root = await navigator.storage.getDirectory();
               let from = root;
               for (const part of folder.split('/')) from = await from.getDirectoryHandle(part);
               const file = await (await from.getFileHandle(name)).getFile();
               const reader = new FileReader();
               reader.readAsDataURL(file);
               await new Promise((resolve) => { reader.onload = resolve; });
               return reader.result.split(',')[1];
             })().then(done, () => done(null))";
        let args = vec![json!(folder), json!(name)];
        let answer = self.client.execute_async(script, args).await.unwrap();
        let text = answer.as_str().unwrap_or_else(|| panic!("{folder}/{name} is not there"));
        base64::engine::general_purpose::STANDARD.decode(text).unwrap()
    }
}

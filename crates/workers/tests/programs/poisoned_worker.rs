//! A worker process whose decoder does what no decoder should, when the source begins with a word that asks for it.

use minilab_imaging::{ImageError, Rendered};
use minilab_pipeline::RenderWork;
use minilab_workers::Walls;
use std::fs::File;
use std::hint::black_box;
use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;

fn main() {
    let number = |name: &str| {
        let mut arguments = std::env::args().skip_while(|argument| argument != name).skip(1);
        arguments.next().and_then(|value| value.parse::<u64>().ok()).expect("the pool says how high the walls are")
    };
    let walls = Walls {
        memory_bytes: number("--memory-bytes"),
        cpu_time: Duration::from_secs(60),
        niceness: u8::try_from(number("--nice")).expect("a niceness"),
    };
    if let Err(error) = minilab_workers::child::run(&walls, render) {
        eprintln!("worker: {error}");
        std::process::exit(3);
    }
}

fn render(work: &RenderWork, source: &[u8]) -> Result<Rendered, ImageError> {
    // A PNG chunk may follow the word, so that the header is an image's.
    let asked = |word: &str| source.windows(word.len()).any(|window| window == word.as_bytes());
    if asked("POISON-LOOP") {
        loop {
            black_box(());
        }
    }
    if asked("POISON-MEMORY") {
        let mut hoard: Vec<Vec<u8>> = Vec::new();
        loop {
            hoard.push(Vec::with_capacity(16 << 20));
            black_box(&hoard);
        }
    }
    if asked("POISON-ABORT") {
        std::process::abort();
    }
    if asked("POISON-EXIT") {
        std::process::exit(7);
    }
    if asked("POISON-STACK") {
        black_box(recurse(black_box(u64::MAX)));
    }
    if asked("POISON-NONSENSE") {
        let mut out = std::io::stdout();
        out.write_all(&[0xFF; 64]).and_then(|()| out.flush()).expect("the socket takes it");
        std::thread::sleep(Duration::from_secs(3600));
    }
    if asked("POISON-FILE") {
        let opened = File::open("/etc/passwd").map(drop);
        return Err(ImageError::NotAnImage { beginning: format!("{:?}", opened.map_err(|error| error.kind())) });
    }
    if asked("POISON-SOCKET") {
        let connected = TcpStream::connect("127.0.0.1:9").map(drop);
        return Err(ImageError::NotAnImage { beginning: format!("{connected:?}") });
    }
    work.render(source)
}

#[allow(unconditional_recursion)]
fn recurse(depth: u64) -> u64 {
    black_box([depth; 512]);
    recurse(black_box(depth - 1)) + 1
}

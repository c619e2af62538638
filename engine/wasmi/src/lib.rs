// SPDX-License-Identifier: Apache-2.0
//! claviger_engine: the table of C functions through which lib/wasm drives wasmi.
//!
//! Its C side is lib/wasm/wasm_engine.h; the two change together. Nothing of the policy's meaning
//! is known here: bytes in, functions called under fuel, memory shown. The caller (lib/wasm) has
//! refused what breaks the module profile before anything arrives here, and still this side assumes
//! nothing of it: wasmi validates the module again and every address is checked.
//!
//! Trust: all pointers come from lib/wasm, the module's bytes from an attacker. A panic aborts the
//! process; the verifier's death is a refusal (architecture: processes).

use core::alloc::{GlobalAlloc, Layout};
use core::ffi::{c_char, c_int};
use core::sync::atomic::{AtomicUsize, Ordering};
use std::alloc::System;

use wasmi::{
    CompilationMode, Config, Engine, Error, Extern, Func, Global, Instance, Linker, Memory, Module,
    Store, TrapCode, Val, ValType,
};

/// Counts what lives on the heap and stops at the cap that `open` set, so that no module makes the
/// verifier grow: an allocation above it fails, and Rust ends the process.
struct CappedHeap;

static HEAP_USED: AtomicUsize = AtomicUsize::new(0);
static HEAP_CAP: AtomicUsize = AtomicUsize::new(usize::MAX);

impl CappedHeap {
    fn fits(&self, more: usize) -> bool {
        HEAP_USED.load(Ordering::Relaxed).saturating_add(more) <= HEAP_CAP.load(Ordering::Relaxed)
    }

    fn count(&self, pointer: *mut u8, more: usize) -> *mut u8 {
        if !pointer.is_null() {
            // Load and store instead of an atomic add: the process has one thread, and this is hot.
            HEAP_USED.store(HEAP_USED.load(Ordering::Relaxed) + more, Ordering::Relaxed);
        }
        pointer
    }
}

// SAFETY: every call goes to the system allocator unchanged; only counting is added.
unsafe impl GlobalAlloc for CappedHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !self.fits(layout.size()) {
            return core::ptr::null_mut();
        }
        self.count(System.alloc(layout), layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if !self.fits(layout.size()) {
            return core::ptr::null_mut();
        }
        self.count(System.alloc_zeroed(layout), layout.size())
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HEAP_USED.store(
            HEAP_USED.load(Ordering::Relaxed) - layout.size(),
            Ordering::Relaxed,
        );
        System.dealloc(pointer, layout)
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if size > layout.size() && !self.fits(size - layout.size()) {
            return core::ptr::null_mut();
        }
        let moved = System.realloc(pointer, layout, size);
        if !moved.is_null() {
            let used = HEAP_USED.load(Ordering::Relaxed) - layout.size() + size;
            HEAP_USED.store(used, Ordering::Relaxed);
        }
        moved
    }
}

#[global_allocator]
static HEAP: CappedHeap = CappedHeap;

#[repr(C)]
pub struct WasmEngineLimits {
    pub heap_bytes_max: u64,
    pub stack_bytes_max: u32,
    pub recursion_max: u32,
}

/// Results of the table's functions; the numbers are those of enum wasm_engine_result.
const RAN: c_int = 0;
const TRAP: c_int = 1;
const FUEL: c_int = 2;
const FAILED: c_int = 3;

/// The unit in which a dirtied memory is found and restored; WebAssembly's pages are multiples.
const BLOCK_BYTES: usize = 1024;

/// wasmi's Engine keeps the code of every module it ever translated until it is dropped itself, so
/// each module gets an Engine of its own and this only keeps their settings.
pub struct EngineBox {
    config: Config,
}

pub struct ModuleBox {
    engine: Engine,
    module: Module,
}

/// What an instance is set back to: the blocks that are not all zero, and all exported mutable
/// globals. Most of a module's memory is zero after its start, and is found changed by reading it
/// alone.
struct Snapshot {
    memory_len: usize,
    /// Where each kept block begins.
    offsets: Vec<usize>,
    blocks: Vec<u8>,
    globals: Vec<(Global, Val)>,
}

pub struct InstanceBox {
    store: Store<()>,
    instance: Instance,
    memory: Option<Memory>,
    funcs: Vec<Func>,
    snapshot: Option<Snapshot>,
    outputs: [Val; 1],
}

#[repr(C)]
pub struct WasmEngineOps {
    pub name: *const c_char,
    pub abi: u32,
    pub open: unsafe extern "C" fn(*const WasmEngineLimits, *mut *mut EngineBox) -> c_int,
    pub load: unsafe extern "C" fn(
        *mut EngineBox,
        *const u8,
        usize,
        *mut *mut ModuleBox,
        *mut c_char,
        usize,
    ) -> c_int,
    pub spawn: unsafe extern "C" fn(*mut ModuleBox, *mut *mut InstanceBox) -> c_int,
    pub find: unsafe extern "C" fn(*mut InstanceBox, *const c_char, *mut u32) -> c_int,
    pub memory: unsafe extern "C" fn(*mut InstanceBox, *mut *mut u8, *mut usize) -> c_int,
    pub call: unsafe extern "C" fn(*mut InstanceBox, u32, *mut u64, *mut u32, *mut u32) -> c_int,
    pub snapshot: unsafe extern "C" fn(*mut InstanceBox, *mut u32) -> c_int,
    pub restore: unsafe extern "C" fn(*mut InstanceBox) -> c_int,
    pub drop_instance: unsafe extern "C" fn(*mut InstanceBox),
    pub drop_module: unsafe extern "C" fn(*mut ModuleBox),
    pub close: unsafe extern "C" fn(*mut EngineBox),
    pub heap_used: unsafe extern "C" fn() -> u64,
}

// SAFETY: the table is constant; its name is a static text.
unsafe impl Sync for WasmEngineOps {}

#[no_mangle]
pub static wasm_engine_wasmi: WasmEngineOps = WasmEngineOps {
    name: b"wasmi 2.0.0\0".as_ptr() as *const c_char,
    abi: 1,
    open,
    load,
    spawn,
    find,
    memory,
    call,
    snapshot,
    restore,
    drop_instance,
    drop_module,
    close,
    heap_used,
};

/// The module profile as far as wasmi can be told; lib/wasm's own check is narrower.
fn config_of(limits: &WasmEngineLimits) -> Config {
    let mut config = Config::default();
    config
        .consume_fuel(true)
        .compilation_mode(CompilationMode::Eager)
        .ignore_custom_sections(true)
        .allow_start_fn(false)
        .floats(false)
        .wasm_mutable_global(true)
        .wasm_sign_extension(true)
        .wasm_bulk_memory(true)
        .wasm_saturating_float_to_int(false)
        .wasm_multi_value(false)
        .wasm_multi_memory(false)
        .wasm_reference_types(false)
        .wasm_tail_call(false)
        .wasm_extended_const(false)
        .wasm_custom_page_sizes(false)
        .wasm_wide_arithmetic(false)
        .set_min_stack_height(4096)
        .set_max_stack_height(limits.stack_bytes_max as usize)
        .set_max_recursion_depth(limits.recursion_max as usize)
        .set_max_cached_stacks(1);
    // The official tests mix integers with floats, start functions and host imports in one module.
    #[cfg(feature = "spec")]
    config.floats(true).allow_start_fn(true);
    config
}

unsafe extern "C" fn open(limits: *const WasmEngineLimits, ret: *mut *mut EngineBox) -> c_int {
    let limits = &*limits;
    HEAP_CAP.store(limits.heap_bytes_max as usize, Ordering::Relaxed);
    let config = config_of(limits);
    *ret = Box::into_raw(Box::new(EngineBox { config }));
    RAN
}

/// Puts a text for people into the caller's buffer, cut at its end, always with a NUL.
unsafe fn put_text(text: &str, at: *mut c_char, cap: usize) {
    if cap == 0 {
        return;
    }
    let mut len = text.len().min(cap - 1);
    while !text.is_char_boundary(len) {
        len -= 1;
    }
    core::ptr::copy_nonoverlapping(text.as_ptr(), at as *mut u8, len);
    *at.add(len) = 0;
}

unsafe extern "C" fn load(
    engine: *mut EngineBox,
    bytes: *const u8,
    len: usize,
    ret: *mut *mut ModuleBox,
    text: *mut c_char,
    text_cap: usize,
) -> c_int {
    let engine = Engine::new(&(*engine).config);
    match Module::new(&engine, core::slice::from_raw_parts(bytes, len)) {
        Ok(module) => {
            *ret = Box::into_raw(Box::new(ModuleBox { engine, module }));
            RAN
        }
        Err(error) => {
            put_text(&error.to_string(), text, text_cap);
            FAILED
        }
    }
}

unsafe extern "C" fn spawn(module: *mut ModuleBox, ret: *mut *mut InstanceBox) -> c_int {
    let module = &*module;
    let mut store = Store::new(&module.engine, ());
    // Copying data segments is charged too; a module's size bounds it.
    if store.set_fuel(u64::MAX / 2).is_err() {
        return FAILED;
    }
    let linker = Linker::new(&module.engine);
    #[cfg(feature = "spec")]
    let linker = spec::link(linker, &mut store);
    let instance = match linker.instantiate_and_start(&mut store, &module.module) {
        Ok(instance) => instance,
        Err(error) => return outcome_of(&error).0,
    };
    let memory = instance.get_memory(&store, "memory");
    *ret = Box::into_raw(Box::new(InstanceBox {
        store,
        instance,
        memory,
        funcs: Vec::new(),
        snapshot: None,
        outputs: [Val::I32(0)],
    }));
    RAN
}

/// Looks up an exported function without parameters that returns nothing or one i32.
unsafe extern "C" fn find(instance: *mut InstanceBox, name: *const c_char, ret: *mut u32) -> c_int {
    let this = &mut *instance;
    let Ok(name) = core::ffi::CStr::from_ptr(name).to_str() else {
        return FAILED;
    };
    let Some(func) = this.instance.get_func(&this.store, name) else {
        return FAILED;
    };
    let of = func.ty(&this.store);
    if !of.params().is_empty() || !matches!(of.results(), [] | [ValType::I32]) {
        return FAILED;
    }
    *ret = this.funcs.len() as u32;
    this.funcs.push(func);
    RAN
}

unsafe extern "C" fn memory(
    instance: *mut InstanceBox,
    ret_data: *mut *mut u8,
    ret_len: *mut usize,
) -> c_int {
    let this = &mut *instance;
    let Some(memory) = this.memory else {
        return FAILED;
    };
    *ret_data = memory.data_ptr(&this.store);
    *ret_len = memory.data_size(&this.store);
    RAN
}

fn outcome_of(error: &Error) -> (c_int, u32) {
    match error.as_trap_code() {
        Some(TrapCode::OutOfFuel) => (FUEL, 0),
        Some(code) => (TRAP, u8::from(code) as u32),
        None => (FAILED, 0),
    }
}

/// Runs a function: `fuel` goes in as what may be used and comes out as what was used.
unsafe extern "C" fn call(
    instance: *mut InstanceBox,
    func: u32,
    fuel: *mut u64,
    ret_value: *mut u32,
    ret_trap: *mut u32,
) -> c_int {
    let this = &mut *instance;
    let Some(&func) = this.funcs.get(func as usize) else {
        return FAILED;
    };
    let allowed = *fuel;
    if this.store.set_fuel(allowed).is_err() {
        return FAILED;
    }
    let outputs = func.ty(&this.store).results().len().min(1);
    let outcome = func.call(&mut this.store, &[], &mut this.outputs[..outputs]);
    let left = this.store.get_fuel().unwrap_or(0);
    match outcome {
        Ok(()) => {
            *fuel = allowed.saturating_sub(left);
            *ret_value = match (outputs, &this.outputs[0]) {
                (1, Val::I32(value)) => *value as u32,
                _ => 0,
            };
            RAN
        }
        Err(error) => {
            let (result, trap) = outcome_of(&error);
            *fuel = if result == FUEL {
                allowed
            } else {
                allowed.saturating_sub(left)
            };
            *ret_trap = trap;
            result
        }
    }
}

#[inline(always)]
fn is_zero(bytes: &[u8]) -> bool {
    // In wide steps: this reads a module's whole memory for each check.
    let mut wide = bytes.chunks_exact(64);
    let any = wide.by_ref().fold([0u64; 8], |mut all, chunk| {
        for (word, eight) in all.iter_mut().zip(chunk.chunks_exact(8)) {
            *word |= u64::from_le_bytes([
                eight[0], eight[1], eight[2], eight[3], eight[4], eight[5], eight[6], eight[7],
            ]);
        }
        all
    });
    any.iter().all(|&word| word == 0) && wide.remainder().iter().all(|&byte| byte == 0)
}

/// Zeroes what is not zero.
#[inline(always)]
fn clear(bytes: &mut [u8]) {
    for block in bytes.chunks_mut(BLOCK_BYTES) {
        if !is_zero(block) {
            block.fill(0);
        }
    }
}

/// Keeps the instance's present state as the one that `restore` brings back, and says how many
/// mutable globals it holds: the caller knows how many the module has.
unsafe extern "C" fn snapshot(instance: *mut InstanceBox, ret_globals: *mut u32) -> c_int {
    let this = &mut *instance;
    let mut globals = Vec::new();
    for export in this.instance.exports(&this.store) {
        if let Extern::Global(global) = export.into_extern() {
            if global.ty(&this.store).mutability().is_mut() {
                globals.push((global, global.get(&this.store)));
            }
        }
    }
    let memory = match this.memory {
        Some(memory) => memory.data(&this.store),
        None => &[],
    };
    let kept = memory
        .chunks(BLOCK_BYTES)
        .enumerate()
        .filter(|(_, block)| !is_zero(block));
    let offsets: Vec<usize> = kept.map(|(at, _)| at * BLOCK_BYTES).collect();
    let mut blocks = Vec::with_capacity(offsets.len() * BLOCK_BYTES);
    for &at in &offsets {
        blocks.extend_from_slice(&memory[at..at + BLOCK_BYTES]);
    }
    *ret_globals = globals.len() as u32;
    this.snapshot = Some(Snapshot {
        memory_len: memory.len(),
        offsets,
        blocks,
        globals,
    });
    RAN
}

#[inline(always)]
fn restore_blocks(data: &mut [u8], snapshot: &Snapshot) {
    let mut clean = 0;
    let kept = snapshot.blocks.chunks(BLOCK_BYTES);
    for (&at, then) in snapshot.offsets.iter().zip(kept) {
        clear(&mut data[clean..at]);
        let now = &mut data[at..at + BLOCK_BYTES];
        if now != then {
            now.copy_from_slice(then);
        }
        clean = at + BLOCK_BYTES;
    }
    clear(&mut data[clean..]);
}

/// The same code for processors with wider registers: twice as fast.
#[target_feature(enable = "avx2")]
unsafe fn restore_blocks_avx2(data: &mut [u8], snapshot: &Snapshot) {
    restore_blocks(data, snapshot)
}

fn restore_memory(data: &mut [u8], snapshot: &Snapshot) {
    if std::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has it.
        unsafe { restore_blocks_avx2(data, snapshot) }
    } else {
        restore_blocks(data, snapshot)
    }
}

/// Brings every block that differs, and every global, back to the snapshot.
unsafe extern "C" fn restore(instance: *mut InstanceBox) -> c_int {
    let this = &mut *instance;
    let Some(snapshot) = &this.snapshot else {
        return FAILED;
    };
    if let Some(memory) = this.memory {
        let data = memory.data_mut(&mut this.store);
        if data.len() != snapshot.memory_len {
            return FAILED;
        }
        restore_memory(data, snapshot);
    }
    for (global, value) in &snapshot.globals {
        if global.set(&mut this.store, value.clone()).is_err() {
            return FAILED;
        }
    }
    RAN
}

unsafe extern "C" fn drop_instance(instance: *mut InstanceBox) {
    if !instance.is_null() {
        drop(Box::from_raw(instance));
    }
}

unsafe extern "C" fn drop_module(module: *mut ModuleBox) {
    if !module.is_null() {
        drop(Box::from_raw(module));
    }
}

unsafe extern "C" fn close(engine: *mut EngineBox) {
    if !engine.is_null() {
        drop(Box::from_raw(engine));
    }
}

unsafe extern "C" fn heap_used() -> u64 {
    HEAP_USED.load(Ordering::Relaxed) as u64
}

/// For engine/spec only, which runs the official tests: calls with arguments, and the host module
/// "spectest". Not compiled into what ships.
#[cfg(feature = "spec")]
pub mod spec {
    use super::*;
    use wasmi::{MemoryType, Mutability, RefType, Table, TableType};

    pub fn link(mut linker: Linker<()>, store: &mut Store<()>) -> Linker<()> {
        let globals = [
            ("global_i32", Val::I32(666)),
            ("global_i64", Val::I64(666)),
            ("global_f32", Val::F32(666.6f32.into())),
            ("global_f64", Val::F64(666.6f64.into())),
        ];
        for (name, value) in globals {
            let global = Global::new(&mut *store, value, Mutability::Const);
            linker.define("spectest", name, global).unwrap();
        }
        let memory = Memory::new(&mut *store, MemoryType::new(1, Some(2))).unwrap();
        linker.define("spectest", "memory", memory).unwrap();
        let table = TableType::new(RefType::Func, 10, Some(20));
        let table =
            Table::new(&mut *store, table, wasmi::Ref::Func(wasmi::Nullable::Null)).unwrap();
        linker.define("spectest", "table", table).unwrap();
        linker.func_wrap("spectest", "print", || {}).unwrap();
        linker
            .func_wrap("spectest", "print_i32", |_: i32| {})
            .unwrap();
        linker
            .func_wrap("spectest", "print_i64", |_: i64| {})
            .unwrap();
        linker
            .func_wrap("spectest", "print_f32", |_: wasmi::F32| {})
            .unwrap();
        linker
            .func_wrap("spectest", "print_f64", |_: wasmi::F64| {})
            .unwrap();
        linker
            .func_wrap("spectest", "print_i32_f32", |_: i32, _: wasmi::F32| {})
            .unwrap();
        linker
            .func_wrap(
                "spectest",
                "print_f64_f64",
                |_: wasmi::F64, _: wasmi::F64| {},
            )
            .unwrap();
        linker
    }

    /// Calls an export; the error is the table's result code and trap number.
    ///
    /// # Safety
    /// `instance` comes from the table's spawn and was not dropped.
    pub unsafe fn invoke(
        instance: *mut InstanceBox,
        name: &str,
        inputs: &[Val],
        fuel: u64,
    ) -> Result<Vec<Val>, (c_int, u32)> {
        let this = &mut *instance;
        let func = this
            .instance
            .get_func(&this.store, name)
            .ok_or((FAILED, 0))?;
        this.store.set_fuel(fuel).map_err(|_| (FAILED, 0))?;
        let results = func.ty(&this.store).results().len();
        let mut outputs = vec![Val::I32(0); results];
        match func.call(&mut this.store, inputs, &mut outputs) {
            Ok(()) => Ok(outputs),
            Err(error) => Err(outcome_of(&error)),
        }
    }

    /// Reads an exported global.
    ///
    /// # Safety
    /// As `invoke`.
    pub unsafe fn global(instance: *mut InstanceBox, name: &str) -> Option<Val> {
        let this = &mut *instance;
        let global = this.instance.get_global(&this.store, name)?;
        Some(global.get(&this.store))
    }
}

// SPDX-License-Identifier: Apache-2.0
//! Gives modules of the official tests the shape of a policy, so that tools/policy_compile.c takes
//! them: what has floats in it becomes `unreachable`, memory has the size that built modules have,
//! and `policy_check` makes the calls of the file's assertions, those that a byte of the exchange
//! area asks for, and writes what they return there (tests/wasm/built_suite.c).

use std::collections::BTreeMap;

use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, ElementSection, Elements, ExportKind, ExportSection,
    Function, FunctionSection, Instruction, MemArg, MemorySection, MemoryType, Module, RawSection,
    TypeSection, ValType,
};
use wasmparser::{Element, ElementItems, ElementKind, ExternalKind, Operator, Parser, Payload};

/// As tests/wasm/built_suite.c has them.
pub const AREA: u64 = 98304;
pub const ACTIONS_MAX: usize = 1024;
/// WASM_BUILT_PAGES.
const PAGES: u64 = 2;
/// Calls in one function of ours: a body has a bound.
const CHUNK: usize = 200;

#[derive(Clone, Copy)]
pub enum Number {
    I32(i32),
    I64(i64),
}

pub struct Action {
    pub line: usize,
    /// `None` as arguments: reads the global of that name.
    pub name: String,
    pub arguments: Option<Vec<Number>>,
    pub want: Want,
}

#[derive(Clone, Copy)]
pub enum Want {
    Value(u64),
    Nothing,
    Trap,
}

#[derive(Default)]
struct Parts<'a> {
    types: Vec<(Vec<wasmparser::ValType>, Vec<wasmparser::ValType>)>,
    functions: Vec<u32>,
    globals: Vec<wasmparser::ValType>,
    exports: BTreeMap<&'a str, (ExternalKind, u32)>,
    bodies: Vec<wasmparser::FunctionBody<'a>>,
    /// Each element segment's place and functions.
    elements: Vec<(i32, Vec<u32>)>,
    /// Sections that are taken as they are: id and contents.
    raw: BTreeMap<u8, &'a [u8]>,
}

fn integer(of: &wasmparser::ValType) -> bool {
    matches!(of, wasmparser::ValType::I32 | wasmparser::ValType::I64)
}

fn type_of(of: &wasmparser::ValType) -> ValType {
    match of {
        wasmparser::ValType::I32 => ValType::I32,
        _ => ValType::I64,
    }
}

fn slice(bytes: &[u8], range: std::ops::Range<u64>) -> &[u8] {
    &bytes[range.start as usize..range.end as usize]
}

/// What an active segment of functions puts where; `None` for another kind.
fn segment(element: &Element) -> Option<(i32, Vec<u32>)> {
    let ElementKind::Active {
        table_index: None | Some(0),
        offset_expr,
    } = &element.kind
    else {
        return None;
    };
    let ElementItems::Functions(items) = &element.items else {
        return None;
    };
    let Operator::I32Const { value } = offset_expr.get_operators_reader().read().ok()? else {
        return None;
    };
    Some((
        value,
        items.clone().into_iter().collect::<Result<_, _>>().ok()?,
    ))
}

fn parse(bytes: &[u8]) -> Result<Parts<'_>, String> {
    let mut parts = Parts::default();
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(|e| e.to_string())? {
            Payload::TypeSection(reader) => {
                for group in reader.into_iter_err_on_gc_types() {
                    let of = group.map_err(|e| e.to_string())?;
                    parts
                        .types
                        .push((of.params().to_vec(), of.results().to_vec()));
                }
            }
            Payload::ImportSection(reader) if reader.count() != 0 => return Err("imports".into()),
            Payload::StartSection { .. } => return Err("a start function".into()),
            Payload::FunctionSection(reader) => {
                for of in reader {
                    parts.functions.push(of.map_err(|e| e.to_string())?);
                }
            }
            Payload::GlobalSection(reader) => {
                parts.raw.insert(6, slice(bytes, reader.range()));
                for global in reader {
                    let of = global.map_err(|e| e.to_string())?.ty.content_type;
                    if !integer(&of) {
                        return Err("globals that are floats".into());
                    }
                    parts.globals.push(of);
                }
            }
            Payload::TableSection(reader) => {
                parts.raw.insert(4, slice(bytes, reader.range()));
            }
            Payload::MemorySection(reader) => {
                for memory in reader {
                    if memory.map_err(|e| e.to_string())?.initial > PAGES {
                        return Err("more memory than built modules have".into());
                    }
                }
            }
            Payload::ElementSection(reader) => {
                for element in reader {
                    let element = element.map_err(|e| e.to_string())?;
                    parts
                        .elements
                        .push(segment(&element).ok_or("elements of another kind")?);
                }
            }
            Payload::DataSection(reader) => {
                parts.raw.insert(11, slice(bytes, reader.range()));
            }
            Payload::ExportSection(reader) => {
                for export in reader {
                    let export = export.map_err(|e| e.to_string())?;
                    parts
                        .exports
                        .insert(export.name, (export.kind, export.index));
                }
            }
            Payload::CodeSectionEntry(body) => parts.bodies.push(body),
            _ => {}
        }
    }
    Ok(parts)
}

impl Parts<'_> {
    fn fits(&self, of: u32) -> bool {
        let (parameters, results) = &self.types[of as usize];
        results.len() <= 1 && parameters.iter().chain(results).all(integer)
    }

    /// Whether a body has nothing but integers, calls to `whole` functions among it.
    fn stays(&self, index: usize, whole: &[bool]) -> Option<bool> {
        let body = &self.bodies[index];
        for local in body.get_locals_reader().ok()? {
            if !integer(&local.ok()?.1) {
                return Some(false);
            }
        }
        for operator in body.get_operators_reader().ok()? {
            let stays = match operator.ok()? {
                Operator::Call { function_index } => whole[function_index as usize],
                Operator::CallIndirect { type_index, .. } => self.fits(type_index),
                Operator::Block { blockty }
                | Operator::Loop { blockty }
                | Operator::If { blockty } => match blockty {
                    wasmparser::BlockType::Empty => true,
                    wasmparser::BlockType::Type(of) => integer(&of),
                    wasmparser::BlockType::FuncType(_) => false,
                },
                other => {
                    let text = format!("{other:?}");
                    !text.contains("F32") && !text.contains("F64")
                }
            };
            if !stays {
                return Some(false);
            }
        }
        Some(true)
    }

    /// The functions that can stay as they are.
    fn whole(&self) -> Vec<bool> {
        let mut whole: Vec<bool> = self.functions.iter().map(|of| self.fits(*of)).collect();
        loop {
            let next: Vec<bool> = (0..whole.len())
                .map(|i| whole[i] && self.stays(i, &whole).unwrap_or(false))
                .collect();
            if next == whole {
                return whole;
            }
            whole = next;
        }
    }
}

/// What an action calls or reads, and the type of what that gives.
fn target(
    parts: &Parts,
    whole: &[bool],
    action: &Action,
) -> Option<(ExternalKind, u32, Option<ValType>)> {
    let (kind, index) = *parts.exports.get(action.name.as_str())?;
    match (kind, &action.arguments) {
        (ExternalKind::Func, Some(arguments)) => {
            let (parameters, results) = &parts.types[parts.functions[index as usize] as usize];
            (whole[index as usize] && parameters.len() == arguments.len())
                .then(|| (kind, index, results.first().map(type_of)))
        }
        (ExternalKind::Global, None) => {
            Some((kind, index, Some(type_of(&parts.globals[index as usize]))))
        }
        _ => None,
    }
}

fn at(offset: u64) -> MemArg {
    MemArg {
        offset,
        align: 0,
        target: Default::default(),
        ordering: None,
    }
}

fn call(
    body: &mut Function,
    number: usize,
    action: &Action,
    (kind, index, result): (ExternalKind, u32, Option<ValType>),
) {
    body.instruction(&Instruction::I32Const(0));
    body.instruction(&Instruction::I32Load8U(at(AREA + number as u64)));
    body.instruction(&Instruction::If(BlockType::Empty));
    if result.is_some() {
        body.instruction(&Instruction::I32Const(0));
    }
    for argument in action.arguments.iter().flatten() {
        body.instruction(&match argument {
            Number::I32(value) => Instruction::I32Const(*value),
            Number::I64(value) => Instruction::I64Const(*value),
        });
    }
    body.instruction(&match kind {
        ExternalKind::Func => Instruction::Call(index),
        _ => Instruction::GlobalGet(index),
    });
    if result == Some(ValType::I32) {
        body.instruction(&Instruction::I64ExtendI32U);
    }
    if result.is_some() {
        let place = AREA + ACTIONS_MAX as u64 + 8 * number as u64;
        body.instruction(&Instruction::I64Store(at(place)));
    }
    body.instruction(&Instruction::End);
}

/// The module and those of its actions that it can do, in their order.
pub fn cut(bytes: &[u8], actions: &[Action]) -> Result<(Vec<u8>, Vec<usize>), String> {
    let parts = parse(bytes)?;
    let whole = parts.whole();
    let done: Vec<_> = actions
        .iter()
        .enumerate()
        .filter_map(|(i, action)| Some((i, target(&parts, &whole, action)?)))
        .take(ACTIONS_MAX)
        .collect();
    if done.is_empty() {
        return Err("no assertion that is about integers alone".into());
    }
    let (mut types, mut functions) = (TypeSection::new(), FunctionSection::new());
    let (mut code, mut exports) = (CodeSection::new(), ExportSection::new());
    for (i, (parameters, results)) in parts.types.iter().enumerate() {
        if parts.fits(i as u32) {
            types
                .ty()
                .function(parameters.iter().map(type_of), results.iter().map(type_of));
        } else {
            types.ty().function([], []);
        }
    }
    let (says, does) = (parts.types.len() as u32, parts.types.len() as u32 + 1);
    types.ty().function([], [ValType::I32]);
    types.ty().function([], []);
    for (i, of) in parts.functions.iter().enumerate() {
        functions.function(*of);
        if whole[i] {
            code.raw(slice(bytes, parts.bodies[i].range()));
        } else {
            let mut body = Function::new([]);
            body.instruction(&Instruction::Unreachable);
            body.instruction(&Instruction::End);
            code.function(&body);
        }
    }
    let first = parts.functions.len() as u32;
    let chunks = done.len().div_ceil(CHUNK) as u32;
    for (n, chunk) in done.chunks(CHUNK).enumerate() {
        let mut body = Function::new([]);
        for (i, (action, target)) in chunk.iter().enumerate() {
            call(&mut body, n * CHUNK + i, &actions[*action], *target);
        }
        body.instruction(&Instruction::End);
        functions.function(does);
        code.function(&body);
    }
    exports.export("memory", ExportKind::Memory, 0);
    let mut own = |name: &str, instructions: &[Instruction]| {
        let mut body = Function::new([]);
        for instruction in instructions {
            body.instruction(instruction);
        }
        body.instruction(&Instruction::End);
        exports.export(name, ExportKind::Func, functions.len());
        functions.function(says);
        code.function(&body);
    };
    own("policy_abi", &[Instruction::I32Const(1)]);
    own("policy_io", &[Instruction::I32Const(AREA as i32)]);
    let mut check: Vec<_> = (0..chunks).map(|n| Instruction::Call(first + n)).collect();
    check.push(Instruction::I32Const(1));
    own("policy_check", &check);
    own("policy_describe", &[Instruction::I32Const(0)]);
    let mut memory = MemorySection::new();
    memory.memory(MemoryType {
        minimum: PAGES,
        maximum: Some(PAGES),
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    let mut module = Module::new();
    let raw = |module: &mut Module, id: u8| {
        if let Some(data) = parts.raw.get(&id) {
            module.section(&RawSection { id, data });
        }
    };
    module.section(&types).section(&functions);
    raw(&mut module, 4);
    module.section(&memory);
    raw(&mut module, 6);
    module.section(&exports);
    let mut elements = ElementSection::new();
    for (place, of) in &parts.elements {
        elements.active(
            None,
            &ConstExpr::i32_const(*place),
            Elements::Functions(of.as_slice().into()),
        );
    }
    module.section(&elements);
    module.section(&code);
    raw(&mut module, 11);
    Ok((module.finish(), done.iter().map(|(i, _)| *i).collect()))
}

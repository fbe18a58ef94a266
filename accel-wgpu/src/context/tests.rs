use super::*;
use crate::testing::{another, gpu};
use std::sync::mpsc::channel;

#[test]
fn pipelines_are_compiled_once() {
    let Some(gpu) = another() else { return };
    // The self-test has used most of them, from several threads the rest are asked for.
    let ask = || {
        let all = Shader::ALL.iter().map(|shader| gpu.context.pipeline(shader).unwrap());
        all.collect::<Vec<_>>()
    };
    let all = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    for pipelines in &all {
        assert_eq!(pipelines.len(), Shader::ALL.len());
        let same = pipelines.iter().zip(&all[0]).all(|(one, other)| Arc::ptr_eq(one, other));
        assert!(same, "a pipeline was made twice");
    }
    let known = gpu.context.pipelines.lock().unwrap().len();
    assert_eq!(known, Shader::ALL.len());
}

#[test]
fn no_room_is_not_the_end() {
    let Some(gpu) = gpu() else { return };
    let context = &gpu.context;
    let usage = BufferUsages::STORAGE | BufferUsages::COPY_DST;
    for size in [1 << 40, 1 << 62, gpu.report().buffer_bytes + 4] {
        assert_eq!(context.create(size, usage), Err(AccelError::OutOfMemory), "{size}");
    }
    let bad = context.write(&context.create(64, usage).unwrap(), 60, &[0; 8]);
    assert_eq!(bad, Err(AccelError::OutOfMemory));
    assert_eq!(gpu.failure(), None);
    assert_eq!(gpu.self_test(), Ok(()));
}

#[test]
fn a_panic_in_the_driver_is_a_loss() {
    let Some(gpu) = another() else { return };
    let panicked: Result<(), _> = gpu.context.guard(|| panic!("as a driver may"));
    assert_eq!(panicked, Err(AccelError::DeviceLost));
    assert_eq!(gpu.failure().as_deref(), Some("the driver panicked"));
    assert_eq!(gpu.context.guard(|| Ok(1)), Err(AccelError::DeviceLost));
}

#[test]
fn news_that_never_comes_is_a_loss() {
    let Some(gpu) = another() else { return };
    let (sender, receiver) = channel();
    assert_eq!(sender.send(7), Ok(()));
    assert_eq!(gpu.context.receive(&receiver), Ok(7));
    std::thread::scope(|scope| {
        let context = &gpu.context;
        let waiting = scope.spawn(move || context.receive(&receiver));
        gpu.destroy();
        assert_eq!(waiting.join().unwrap(), Err(AccelError::DeviceLost));
    });
    drop(sender);
}

#[test]
fn an_invalid_use_is_a_loss_and_says_why() {
    let Some(gpu) = another() else { return };
    // A buffer that no shader may see.
    let wrong = gpu.context.create(64, BufferUsages::COPY_DST).unwrap();
    let lost = gpu.context.guard(|| {
        let view = crate::pool::View::whole(&wrong);
        let mut commands = crate::commands::Commands::new(&gpu.context);
        let masks = crate::masks::Masks::of(
            &kernel::stream::PublicSeed([1; 32]),
            kernel::prime::PrimeId::T,
            1,
            0..16,
        );
        masks.expand(&mut commands, view, 0, 16)?;
        commands.finish()
    });
    assert_eq!(lost, Err(AccelError::DeviceLost));
    let why = gpu.failure().unwrap();
    assert!(why.contains("STORAGE"), "{why}");
}

#[cfg(test)]
mod tests;

use crate::Permutation;
use crate::adapters::Found;
use crate::pool::{Lease, Pool};
use crate::shader::{self, Shader};
use kernel::accel::AccelError;
use std::borrow::Cow;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use wgpu::{
    Buffer, BufferDescriptor, BufferUsages, ComputePipeline, ComputePipelineDescriptor, Device,
    DeviceDescriptor, ErrorFilter, Features, PipelineCompilationOptions, PollType, Queue,
    RequestDeviceError, ShaderModuleDescriptor, ShaderSource, SubmissionIndex,
};

/// The most bytes that a shader is given of a buffer, whatever the device says: they are counted in 32 bits on the
/// way through some of the interfaces.
const LARGEST_BINDING: u64 = 1 << 31;
/// How long the device may take for one piece of work. A driver's own watchdog is faster.
const PATIENCE: Duration = Duration::from_secs(300);
/// How long this side waits for news before it looks whether the device is still there.
const GLANCE: Duration = Duration::from_millis(50);

/// An open device, its pipelines and its memory.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) device: Device,
    pub(crate) queue: Queue,
    pub(crate) permutation: Permutation,
    /// The most bytes that a shader sees of a buffer.
    pub(crate) binding_bytes: u64,
    /// The most workgroups in one dimension of a grid.
    pub(crate) grid: u32,
    /// Vectors of a tile.
    depth: u32,
    pipelines: Mutex<HashMap<&'static str, Arc<ComputePipeline>>>,
    /// Buffers of shaders.
    storage: Arc<Pool>,
    /// Buffers of shaders' parameters.
    uniforms: Arc<Pool>,
    /// Buffers that this side reads.
    readback: Arc<Pool>,
    state: Arc<State>,
    /// Bytes that may still be held, and are at first.
    left: AtomicU64,
}

/// Whether the device has failed.
#[derive(Debug, Default)]
struct State {
    lost: AtomicBool,
    why: OnceLock<String>,
}

impl State {
    fn fail(&self, why: impl Into<String>) {
        let _ = self.why.set(why.into());
        self.lost.store(true, Ordering::Release);
    }
}

impl Context {
    /// Opens a device that can run `permutation` and may hold `memory` bytes, of which a shader is given
    /// `largest_binding` at a time.
    ///
    /// # Errors
    /// As the adapter refuses.
    pub(crate) fn open(
        found: &Found,
        permutation: Permutation,
        memory: u64,
        largest_binding: u64,
    ) -> Result<Self, RequestDeviceError> {
        let mut features = Features::empty();
        features.set(Features::SHADER_INT64, permutation.int64);
        features.set(Features::SUBGROUP, permutation.subgroups);
        let descriptor = DeviceDescriptor {
            label: Some("subrosa"),
            required_features: features,
            required_limits: found.adapter.limits(),
            ..Default::default()
        };
        let (device, queue) = pollster::block_on(found.adapter.request_device(&descriptor))?;
        let state = Arc::new(State::default());
        let lost = Arc::clone(&state);
        device.set_device_lost_callback(move |reason, why| lost.fail(format!("{reason:?} {why}")));
        let failed = Arc::clone(&state);
        device.on_uncaptured_error(Arc::new(move |error| failed.fail(error.to_string())));
        let limits = device.limits();
        Ok(Self {
            queue,
            permutation,
            binding_bytes: limits
                .max_storage_buffer_binding_size
                .min(limits.max_buffer_size)
                .min(LARGEST_BINDING)
                .min(largest_binding),
            grid: limits.max_compute_workgroups_per_dimension,
            depth: shader::depth(limits.max_compute_workgroup_storage_size),
            pipelines: Mutex::default(),
            storage: Pool::new(
                BufferUsages::STORAGE | BufferUsages::COPY_SRC | BufferUsages::COPY_DST,
            ),
            uniforms: Pool::new(BufferUsages::UNIFORM | BufferUsages::COPY_DST),
            readback: Pool::new(BufferUsages::MAP_READ | BufferUsages::COPY_DST),
            state,
            left: AtomicU64::new(memory),
            device,
        })
    }

    /// Why the device is lost, if it is.
    pub(crate) fn failure(&self) -> Option<String> {
        let lost = self.state.lost.load(Ordering::Acquire);
        lost.then(|| self.state.why.get().cloned().unwrap_or_default())
    }

    /// Gives the device up.
    pub(crate) fn fail(&self, why: &str) -> AccelError {
        self.state.fail(why);
        self.storage.clear();
        self.uniforms.clear();
        self.readback.clear();
        AccelError::DeviceLost
    }

    /// # Errors
    /// [`AccelError::DeviceLost`], if it is.
    pub(crate) fn check(&self) -> Result<(), AccelError> {
        if self.state.lost.load(Ordering::Acquire) { Err(AccelError::DeviceLost) } else { Ok(()) }
    }

    /// Runs `work`, unless the device is lost. Where the driver panics in it, or the device fails meanwhile, the
    /// device is lost then.
    ///
    /// # Errors
    /// [`AccelError::DeviceLost`], or as `work` fails.
    pub(crate) fn guard<A>(
        &self,
        work: impl FnOnce() -> Result<A, AccelError>,
    ) -> Result<A, AccelError> {
        self.check()?;
        // What `work` may leave half done is given up with the device.
        let done = catch_unwind(AssertUnwindSafe(work));
        let done = done.unwrap_or_else(|_| Err(self.fail("the driver panicked")));
        self.check()?;
        done
    }

    /// Takes bytes of the memory for what is held.
    ///
    /// # Errors
    /// [`AccelError::OutOfMemory`].
    pub(crate) fn take(&self, bytes: u64) -> Result<(), AccelError> {
        let take = |left: u64| left.checked_sub(bytes);
        let taken = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
        taken.map(|_| ()).map_err(|_| AccelError::OutOfMemory)
    }

    /// Bytes that may be held from now on, when nothing is.
    pub(crate) fn limit(&self, bytes: u64) {
        self.left.store(bytes, Ordering::Relaxed);
    }

    pub(crate) fn give_back(&self, bytes: u64) {
        self.left.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Bytes that may still be held.
    pub(crate) fn left(&self) -> u64 {
        self.left.load(Ordering::Relaxed)
    }

    /// A new buffer. Where there is no room for it, the buffers that are kept for later make room.
    ///
    /// # Errors
    /// [`AccelError::OutOfMemory`].
    pub(crate) fn create(&self, size: u64, usage: BufferUsages) -> Result<Buffer, AccelError> {
        let first = self.try_create(size, usage);
        if first != Err(AccelError::OutOfMemory) || !self.storage.clear() & !self.readback.clear() {
            return first;
        }
        let index = self.queue.submit([]);
        self.wait(index)?;
        self.try_create(size, usage)
    }

    fn try_create(&self, size: u64, usage: BufferUsages) -> Result<Buffer, AccelError> {
        let descriptor = BufferDescriptor { label: None, size, usage, mapped_at_creation: false };
        self.if_there_is_room(|| self.device.create_buffer(&descriptor))
    }

    /// Writes to a buffer.
    ///
    /// # Errors
    /// [`AccelError::OutOfMemory`].
    pub(crate) fn write(&self, to: &Buffer, offset: u64, bytes: &[u8]) -> Result<(), AccelError> {
        self.if_there_is_room(|| self.queue.write_buffer(to, offset, bytes))
    }

    /// Does what may need memory. A size beyond the device's limits is a lack of it too.
    ///
    /// # Errors
    /// [`AccelError::OutOfMemory`].
    fn if_there_is_room<A>(&self, work: impl FnOnce() -> A) -> Result<A, AccelError> {
        let validation = self.device.push_error_scope(ErrorFilter::Validation);
        let memory = self.device.push_error_scope(ErrorFilter::OutOfMemory);
        let done = work();
        let exhausted = pollster::block_on(memory.pop()).is_some();
        let refused = pollster::block_on(validation.pop()).is_some();
        self.check()?;
        if exhausted || refused { Err(AccelError::OutOfMemory) } else { Ok(done) }
    }

    /// Waits until the device is done with a piece of work.
    ///
    /// # Errors
    /// [`AccelError::DeviceLost`].
    pub(crate) fn wait(&self, submission: SubmissionIndex) -> Result<(), AccelError> {
        let wait = PollType::Wait { submission_index: Some(submission), timeout: Some(PATIENCE) };
        match self.device.poll(wait) {
            Ok(_) => self.check(),
            Err(error) => Err(self.fail(&error.to_string())),
        }
    }

    /// What the device says through a channel when a piece of work is done, which it is.
    ///
    /// # Errors
    /// [`AccelError::DeviceLost`].
    pub(crate) fn receive<A>(&self, from: &Receiver<A>) -> Result<A, AccelError> {
        loop {
            match from.recv_timeout(GLANCE) {
                Ok(said) => return Ok(said),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(self.fail("a message from the device was lost"));
                }
                // Another thread has been told of the end of this work, and is about to pass it on; unless the
                // device is gone.
                Err(RecvTimeoutError::Timeout) => self.check()?,
            }
        }
    }

    /// A buffer for shaders, of so many words.
    ///
    /// # Errors
    /// [`AccelError::OutOfMemory`].
    pub(crate) fn words(&self, words: usize) -> Result<Lease, AccelError> {
        let create = |size, usage| self.create(size, usage);
        self.storage.lease(4 * words as u64, self.binding_bytes, create)
    }

    /// A buffer for shaders with these words in it.
    ///
    /// # Errors
    /// [`AccelError::OutOfMemory`].
    pub(crate) fn upload(&self, words: &[u32]) -> Result<Lease, AccelError> {
        let buffer = self.words(words.len())?;
        self.write(&buffer, 0, bytemuck::cast_slice(words))?;
        Ok(buffer)
    }

    /// A buffer with the parameters of a shader.
    ///
    /// # Errors
    /// [`AccelError::OutOfMemory`].
    pub(crate) fn uniform(&self, bytes: &[u8]) -> Result<Lease, AccelError> {
        let create = |size, usage| self.create(size, usage);
        let buffer = self.uniforms.lease(bytes.len() as u64, u64::MAX, create)?;
        self.write(&buffer, 0, bytes)?;
        Ok(buffer)
    }

    /// A buffer that this side reads.
    ///
    /// # Errors
    /// [`AccelError::OutOfMemory`].
    pub(crate) fn readable(&self, words: usize) -> Result<Lease, AccelError> {
        let create = |size, usage| self.create(size, usage);
        self.readback.lease(4 * words as u64, self.binding_bytes, create)
    }

    /// The pipeline of a shader, compiled when it is first asked for.
    ///
    /// # Errors
    /// [`AccelError::DeviceLost`] where the driver refuses it.
    pub(crate) fn pipeline(
        &self,
        shader: &'static Shader,
    ) -> Result<Arc<ComputePipeline>, AccelError> {
        let mut pipelines = self.pipelines.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pipeline) = pipelines.get(shader.name) {
            return Ok(Arc::clone(pipeline));
        }
        let source = shader.compose(self.permutation, self.depth);
        let module = self.device.create_shader_module(ShaderModuleDescriptor {
            label: Some(shader.name),
            source: ShaderSource::Wgsl(Cow::Owned(source)),
        });
        let pipeline = self.device.create_compute_pipeline(&ComputePipelineDescriptor {
            label: Some(shader.name),
            layout: None,
            module: &module,
            entry_point: Some("main"),
            compilation_options: PipelineCompilationOptions {
                // Every shader writes what it reads of it.
                zero_initialize_workgroup_memory: false,
                ..Default::default()
            },
            cache: None,
        });
        self.check()?;
        let pipeline = Arc::new(pipeline);
        pipelines.insert(shader.name, Arc::clone(&pipeline));
        Ok(pipeline)
    }
}

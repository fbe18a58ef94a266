use crate::context::Context;
use crate::params::Params;
use crate::pool::{Held, Lease, View};
use crate::shader::Shader;
use kernel::accel::AccelError;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use wgpu::{
    BindGroupDescriptor, BindGroupEntry, BindingResource, CommandEncoder, MapMode, SubmissionIndex,
};

/// Work for the device, in its order.
pub(crate) struct Commands<'a> {
    context: &'a Context,
    encoder: CommandEncoder,
    /// Buffers that the work uses: they stay until it is handed over.
    used: Vec<Arc<Held>>,
}

impl<'a> Commands<'a> {
    pub(crate) fn new(context: &'a Context) -> Self {
        let encoder = context.device.create_command_encoder(&Default::default());
        Self { context, encoder, used: Vec::new() }
    }

    /// Runs a shader on a grid of workgroups, with the parameters as binding 0 and the buffers from binding
    /// 1 on.
    ///
    /// # Errors
    /// [`AccelError::DeviceLost`].
    pub(crate) fn dispatch<P: Params>(
        &mut self,
        shader: &'static Shader,
        params: &P,
        buffers: &[View<'_>],
        grid: [u32; 3],
    ) -> Result<(), AccelError> {
        debug_assert!(P::SHADERS.iter().any(|it| it.name == shader.name));
        let pipeline = self.context.pipeline(shader)?;
        buffers.iter().for_each(|view| self.keep(*view));
        let device = &self.context.device;
        let params = self.context.uniform(bytemuck::bytes_of(params))?;
        self.keep(params.view());
        let bindings = [params.view()]
            .into_iter()
            .chain(buffers.iter().copied())
            .map(|view| BindingResource::Buffer(view.binding()));
        let entries: Vec<_> = (0..)
            .zip(bindings)
            .map(|(binding, resource)| BindGroupEntry { binding, resource })
            .collect();
        let group = device.create_bind_group(&BindGroupDescriptor {
            label: Some(shader.name),
            layout: &pipeline.get_bind_group_layout(0),
            entries: &entries,
        });
        let mut pass = self.encoder.begin_compute_pass(&Default::default());
        pass.set_pipeline(&pipeline);
        pass.set_bind_group(0, &group, &[]);
        let [x, y, z] = grid;
        pass.dispatch_workgroups(x, y, z);
        Ok(())
    }

    /// [`Self::dispatch`] for so many threads in a row, one for each item.
    ///
    /// # Errors
    /// [`AccelError::DeviceLost`].
    pub(crate) fn dispatch_each<P: Params>(
        &mut self,
        shader: &'static Shader,
        params: &P,
        buffers: &[View<'_>],
        items: usize,
    ) -> Result<(), AccelError> {
        self.dispatch_groups(shader, params, buffers, items.div_ceil(shader.group as usize))
    }

    /// [`Self::dispatch`] for so many workgroups in a row.
    ///
    /// # Errors
    /// [`AccelError::DeviceLost`].
    pub(crate) fn dispatch_groups<P: Params>(
        &mut self,
        shader: &'static Shader,
        params: &P,
        buffers: &[View<'_>],
        groups: usize,
    ) -> Result<(), AccelError> {
        let [x, y] = self.context.lines(groups);
        self.dispatch(shader, params, buffers, [x, y, 1])
    }

    fn keep(&mut self, view: View<'_>) {
        self.used.extend(view.lease.cloned());
    }

    /// Copies words from one buffer to another.
    pub(crate) fn copy(&mut self, from: (View<'_>, usize), to: (View<'_>, usize), words: usize) {
        self.keep(from.0);
        self.keep(to.0);
        self.encoder.copy_buffer_to_buffer(
            from.0.buffer,
            4 * from.1 as u64,
            to.0.buffer,
            4 * to.1 as u64,
            4 * words as u64,
        );
    }

    /// Hands the work over, without waiting for it.
    pub(crate) fn submit(self) -> SubmissionIndex {
        self.context.queue.submit([self.encoder.finish()])
    }

    /// Hands the work over, and waits until it is done.
    ///
    /// # Errors
    /// [`AccelError::DeviceLost`].
    pub(crate) fn finish(self) -> Result<(), AccelError> {
        let context = self.context;
        let submission = self.submit();
        context.wait(submission)
    }

    /// Hands the work over, and then has words of a buffer brought here.
    ///
    /// # Errors
    /// [`AccelError::OutOfMemory`].
    pub(crate) fn read(mut self, from: View<'_>) -> Result<Download<'a>, AccelError> {
        let context = self.context;
        let words = from.bytes as usize / 4;
        let buffer = context.readable(words)?;
        self.keep(from);
        self.encoder.copy_buffer_to_buffer(from.buffer, 0, &buffer, 0, from.bytes);
        let submission = self.submit();
        let (sender, done) = channel();
        buffer.slice(..from.bytes).map_async(MapMode::Read, move |mapped| {
            let _ = sender.send(mapped.is_ok());
        });
        Ok(Download { context, buffer, words, submission, done })
    }
}

/// Words on their way here.
pub(crate) struct Download<'a> {
    context: &'a Context,
    buffer: Lease,
    words: usize,
    submission: SubmissionIndex,
    done: Receiver<bool>,
}

impl Download<'_> {
    /// Waits for the words.
    ///
    /// # Errors
    /// [`AccelError::DeviceLost`].
    pub(crate) fn finish<A>(self, use_words: impl FnOnce(&[u32]) -> A) -> Result<A, AccelError> {
        let context = self.context;
        context.wait(self.submission.clone())?;
        if !context.receive(&self.done)? {
            return Err(context.fail("a buffer could not be read"));
        }
        let bytes = self.buffer.slice(..4 * self.words as u64).get_mapped_range();
        let bytes = bytes.map_err(|error| context.fail(&error.to_string()))?;
        let result = match bytemuck::try_cast_slice(&bytes) {
            Ok(words) => use_words(words),
            // Drivers map at page boundaries; should one not, a copy is aligned.
            Err(_) => use_words(&bytemuck::pod_collect_to_vec(&bytes)),
        };
        Ok(result)
    }
}

impl Drop for Download<'_> {
    fn drop(&mut self) {
        // Also one that nobody waited for: it is used again.
        self.buffer.unmap();
    }
}

impl Context {
    /// A grid of so many workgroups or a few more, in lines where one dimension does not take them all.
    pub(crate) fn lines(&self, groups: usize) -> [u32; 2] {
        let lines = groups.div_ceil(self.grid as usize).max(1);
        [groups.div_ceil(lines).max(1) as u32, lines as u32]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::gpu;

    #[test]
    fn words_that_nobody_waits_for_leave_nothing_behind() {
        let Some(gpu) = gpu() else { return };
        let context = &*gpu.context;
        let all: Vec<u32> = (0..5000).collect();
        let words = context.upload(&all).unwrap();
        for round in 0..20 {
            // Of the same size, so that the next one takes its buffer.
            let unwanted = Commands::new(context).read(words.view()).unwrap();
            if round % 2 == 0 {
                context.wait(unwanted.submission.clone()).unwrap();
            }
            drop(unwanted);
            let wanted = Commands::new(context).read(words.view()).unwrap();
            assert_eq!(wanted.finish(<[u32]>::to_vec), Ok(all.clone()));
        }
        assert_eq!(gpu.failure(), None);
    }

    #[test]
    fn grids_have_room_for_all_groups() {
        let Some(gpu) = gpu() else { return };
        let limit = gpu.context.grid as usize;
        for groups in
            [1, 2, 1000, limit - 1, limit, limit + 1, 3 * limit - 1, 3 * limit + 1, 1 << 24]
        {
            let [x, y] = gpu.context.lines(groups).map(|size| size as usize);
            assert!((1..=limit).contains(&x) && (1..=limit).contains(&y), "{groups}: {x} x {y}");
            assert!(x * y >= groups && x * y < groups + y, "{groups}: {x} x {y}");
        }
    }
}

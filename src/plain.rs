//! The same quantised model in the clear: what an encrypted run must equal, bit for bit.

use core::convert::Infallible;
use device_client::decoder::Request;
use device_client::generate::Multiply;
use host_server::model::HostBundle;
use kernel::model::GroupId;

/// Products computed openly from a host bundle's rows, in ordinary integers.
pub(crate) struct PlainProducts<'a> {
    bundle: &'a HostBundle,
}

impl<'a> PlainProducts<'a> {
    pub(crate) const fn new(bundle: &'a HostBundle) -> Self {
        Self { bundle }
    }

    fn row_product(&self, group: GroupId, x: &[i32], y: &mut [i32]) {
        let Some(rows) = self.bundle.rows(group) else { return };
        for (i, y) in y.iter_mut().enumerate() {
            let row = rows.row(i).unwrap_or(&[]);
            let sum: i64 = row.iter().zip(x).map(|(&w, &x)| i64::from(w) * i64::from(x)).sum();
            // The quantiser keeps |W x| below t / 2, which is below 2^31.
            *y = sum as i32;
        }
    }
}

impl Multiply for PlainProducts<'_> {
    type Error = Infallible;

    async fn multiply(&mut self, request: Request<'_>, y: &mut [i32]) -> Result<(), Infallible> {
        let n = request.x.len() / request.tokens.max(1);
        let m = y.len() / request.tokens.max(1);
        for (x, y) in request.x.chunks_exact(n).zip(y.chunks_exact_mut(m)) {
            self.row_product(request.group, x, y);
        }
        Ok(())
    }
}

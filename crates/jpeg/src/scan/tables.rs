//! The look-up tables that a scan needs.

use std::rc::Rc;

use crate::Error;
use crate::huffman::{DcTable, HuffmanSpec, SkipTable, ValueTable};
use crate::markers::Tables;

/// The look-up tables of a scan, each built once however many components share it.
pub(crate) struct BuiltTables<'a> {
    tables: &'a Tables,
    /// For errors.
    offset: usize,
    dc: [Option<Rc<DcTable>>; 4],
    dc_skip: [Option<Rc<SkipTable>>; 4],
    skip: [Option<Rc<SkipTable>>; 4],
    value: [Option<Rc<ValueTable>>; 4],
}

impl<'a> BuiltTables<'a> {
    pub fn new(tables: &'a Tables, offset: usize) -> Self {
        Self {
            tables,
            offset,
            dc: Default::default(),
            dc_skip: Default::default(),
            skip: Default::default(),
            value: Default::default(),
        }
    }

    pub fn missing(&self, what: &'static str) -> Error {
        Error::Corrupt { offset: self.offset, what }
    }

    pub fn dc(&mut self, slot: usize) -> Result<Rc<DcTable>, Error> {
        if let Some(table) = &self.dc[slot] {
            return Ok(Rc::clone(table));
        }
        let spec = self.tables.dc[slot].as_deref().ok_or_else(|| self.missing("a huffman table is missing"))?;
        let table = DcTable::new(spec).ok_or_else(|| self.missing("a huffman table of dc sizes above 15"))?;
        Ok(Rc::clone(self.dc[slot].insert(Rc::new(table))))
    }

    pub fn dc_skip(&mut self, slot: usize) -> Result<Rc<SkipTable>, Error> {
        if let Some(table) = &self.dc_skip[slot] {
            return Ok(Rc::clone(table));
        }
        let spec = self.tables.dc[slot].as_deref().ok_or_else(|| self.missing("a huffman table is missing"))?;
        Ok(Rc::clone(self.dc_skip[slot].insert(Rc::new(SkipTable::dc(spec)))))
    }

    /// The AC table as it stands in the file.
    pub fn ac_spec(&self, slot: usize) -> Result<&'a HuffmanSpec, Error> {
        self.tables.ac[slot].as_deref().ok_or_else(|| self.missing("a huffman table is missing"))
    }

    pub fn skip(&mut self, slot: usize) -> Result<Rc<SkipTable>, Error> {
        if let Some(table) = &self.skip[slot] {
            return Ok(Rc::clone(table));
        }
        let table = Rc::new(SkipTable::ac(self.ac_spec(slot)?));
        Ok(Rc::clone(self.skip[slot].insert(table)))
    }

    pub fn value(&mut self, slot: usize) -> Result<Rc<ValueTable>, Error> {
        if let Some(table) = &self.value[slot] {
            return Ok(Rc::clone(table));
        }
        let table = Rc::new(ValueTable::new(self.ac_spec(slot)?));
        Ok(Rc::clone(self.value[slot].insert(table)))
    }
}

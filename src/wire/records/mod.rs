//! Record batches: the format of what producers send and logs store.

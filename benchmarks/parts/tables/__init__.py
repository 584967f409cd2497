"""The Markdown tables and plots of the benchmarks, made from what their JSON files hold."""

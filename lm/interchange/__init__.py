"""Models in and out: what others trained as a run, and a run in the formats that others read.

In, in reading order:
`found`         a model as it was found, in this project's terms
`hugging_face`  a folder as the transformers library writes it; `hub` fetches one
`gguf_file`     a file of llama.cpp, its weights in few bits
`importing`     a name, a folder or a file as a run directory
`chat`          the template that turns a conversation into a text

Out:
`to_hugging_face`  a folder that transformers loads, for what GPT-2 or Llama can express
`script`           one Python file that needs torch alone, made from the model's own source
`to_onnx`          a graph for onnxruntime
`to_gguf`          a file for llama.cpp
"""

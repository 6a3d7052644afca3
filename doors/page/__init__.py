"""The page in the browser, by noun: the conversation, the source panel, the documents list, and the frame around them."""
